package subscribers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers/attempts"
)

const (
	// maxUntold bounds the attempts that wait to be told: some MiB.
	maxUntold = 4096
	// lastTold is how long the end of Run waits for those that do then.
	lastTold = 2 * time.Second
)

// journal tells of attempts, in a stream that everybody shares, beside the work: who has something to tell does not wait. It may be nil: then nothing
// is told.
type journal struct {
	js      jetstream.JetStream
	config  Config
	process string
	soon    chan struct{}
	refused bool // the broker has refused once, for lack of room, say; only run has it

	mu      sync.Mutex
	waiting []attempts.Attempt
	dropped int64
	off     bool // for good: it may not be written
}

func newJournal(js jetstream.JetStream, config Config) *journal {
	if config.NoAttempts {
		return nil
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &journal{js: js, config: config, process: host + ":" + strconv.Itoa(os.Getpid()), soon: make(chan struct{}, 1)}
}

// tell has an attempt written soon.
func (j *journal) tell(ctx context.Context, attempt attempts.Attempt) {
	if j == nil {
		return
	}
	attempt.Process = j.process
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.off:
		return
	case len(j.waiting) < maxUntold:
		j.waiting = append(j.waiting, attempt)
		tell(j.soon)
		return
	case j.dropped == 0:
		j.config.Logger.WarnContext(ctx, "more attempts fail than the journal takes; some are missing from it", slog.String("consumer", j.config.Durable))
	}
	j.dropped++
}

// untold counts what the journal did not take.
func (j *journal) untold() int64 {
	if j == nil {
		return 0
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.dropped
}

// run writes what is told until ctx ends, and then what still waits, if the broker takes it at once.
func (j *journal) run(ctx context.Context) {
	if j == nil {
		return
	}
	for failure := 0; ctx.Err() == nil; {
		if failure > 0 {
			wait(ctx, nil, j.config.Backoff.pause(failure))
		} else {
			select {
			case <-j.soon:
			case <-ctx.Done():
			}
		}
		if j.write(ctx) == nil {
			failure = 0
		} else {
			failure++
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTold)
	defer cancel()
	if j.js.Conn().IsConnected() {
		_ = j.write(last) // it is the last try, and each attempt that is missing counts
	}
	j.forget()
}

// forget counts what was not written.
func (j *journal) forget() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.dropped += int64(len(j.waiting))
	j.waiting = nil
}

// write writes what waits, one after another, since their order tells something. An error means that they are to be tried again.
func (j *journal) write(ctx context.Context) error {
	for {
		attempt, more := j.first()
		if !more {
			return nil
		}
		err := j.publish(ctx, attempt)
		if errors.Is(err, jetstream.ErrNoStreamResponse) {
			if err = j.create(ctx); err == nil {
				err = j.publish(ctx, attempt)
			}
		}
		switch {
		case err == nil:
			j.pop()
		case ctx.Err() == nil && j.forbidden(err):
			j.turnOff(ctx, err)
			return nil
		default:
			j.complain(ctx, err)
			return err
		}
	}
}

// complain logs why attempts still wait: with a warning when the broker refuses them for the first time, which may well go on until somebody sees to it.
func (j *journal) complain(ctx context.Context, cause error) {
	level, message := slog.LevelDebug, "an attempt could not be told yet"
	if _, refused := errors.AsType[*jetstream.APIError](cause); refused && !j.refused {
		j.refused = true
		level, message = slog.LevelWarn, "failed attempts can't be told yet, and some of them wait: the broker refuses them, or their stream, which needs 256 MiB of its storage"
	}
	j.config.Logger.Log(ctx, level, message, //nolint:sloglint // one of two constants
		slog.String("consumer", j.config.Durable), slog.String("stream", attempts.Stream), slog.Any("error", cause))
}

func (j *journal) first() (attempt attempts.Attempt, more bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.waiting) == 0 {
		return attempt, false
	}
	return j.waiting[0], true
}

func (j *journal) pop() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.waiting = j.waiting[1:]; len(j.waiting) == 0 {
		j.waiting = nil
	}
}

func (j *journal) publish(ctx context.Context, attempt attempts.Attempt) error {
	data, err := json.Marshal(attempt)
	if err != nil {
		return fmt.Errorf("write an attempt: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, lastWrite)
	defer cancel()
	_, err = j.js.PublishMsg(ctx, &nats.Msg{Subject: attempt.Subject(), Data: data},
		jetstream.WithMsgID(attempt.MessageID()), jetstream.WithExpectStream(attempts.Stream), jetstream.WithRetryAttempts(0))
	return err //nolint:wrapcheck // run and turnOff say what it is about
}

// create makes the stream, unless somebody else has been faster.
func (j *journal) create(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lastWrite)
	defer cancel()
	events, err := j.js.Stream(ctx, j.config.Stream)
	if err != nil {
		return fmt.Errorf("look up stream %s: %w", j.config.Stream, err)
	}
	_, err = j.js.CreateStream(ctx, attempts.StreamConfig(events.CachedInfo().Config))
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // somebody has made it, of another configuration
		return j.check(ctx)
	}
	if err != nil {
		return fmt.Errorf("create stream %s: %w", attempts.Stream, err)
	}
	return nil
}

// check refuses a stream of that name that is not the journal.
func (j *journal) check(ctx context.Context) error {
	found, err := j.js.Stream(ctx, attempts.Stream)
	if err != nil {
		return fmt.Errorf("look up stream %s: %w", attempts.Stream, err)
	}
	if wanted := attempts.SubjectPrefix + ">"; !slices.Contains(found.CachedInfo().Config.Subjects, wanted) {
		return misconfigured("stream %s exists, but does not take the subjects %s", attempts.Stream, wanted)
	}
	return nil
}

// forbidden tells whether no retry helps. A request that may not be made is never answered; the server tells the connection only, of which subject.
func (j *journal) forbidden(err error) bool {
	if isMisconfigured(err) {
		return true
	}
	if refusal, refused := errors.AsType[*jetstream.APIError](err); refused {
		return refusal.Code < http.StatusInternalServerError
	}
	last := j.js.Conn().LastError()
	return errors.Is(last, nats.ErrPermissionViolation) &&
		(strings.Contains(last.Error(), attempts.Stream) || strings.Contains(last.Error(), attempts.SubjectPrefix))
}

// turnOff has nothing more told.
func (j *journal) turnOff(ctx context.Context, cause error) {
	if last := j.js.Conn().LastError(); errors.Is(last, nats.ErrPermissionViolation) {
		cause = errors.Join(cause, last)
	}
	j.config.Logger.WarnContext(ctx, "failed attempts are not told: let the subscription's user publish to contrail.attempts.> and create the stream, or turn the journal off (Config.NoAttempts)",
		slog.String("consumer", j.config.Durable), slog.String("stream", attempts.Stream), slog.Any("error", cause))
	j.mu.Lock()
	j.off = true
	j.mu.Unlock()
	j.forget()
}
