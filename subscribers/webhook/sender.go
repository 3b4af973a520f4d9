package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	lookInterval = 500 * time.Millisecond // in which a new endpoint, or a changed one, is noticed
	renewals     = 3                      // of a lease, before it runs out
	lastWrite    = 5 * time.Second        // for what is written when all has ended
	answerTime   = 15 * time.Second       // for the database: nothing waits for longer behind a connection that carries nothing any more
	bulkTime     = time.Minute            // for a statement that may change all that waits for an endpoint
)

// sender is one Run's posting: it holds endpoints, with a lane for each.
type sender struct {
	*Hooks

	consumer  string
	process   string // its name, unique
	client    *client
	log       *slog.Logger
	lanes     map[uuid.UUID]*lane // only the goroutine of run uses it
	ended     chan *lane
	renewedAt time.Time
}

func newSender(h *Hooks) *sender {
	return &sender{
		Hooks: h, consumer: h.config.Subscription.Durable, process: processName(), log: h.config.Subscription.Logger,
		client: h.newClient(), lanes: map[uuid.UUID]*lane{}, ended: make(chan *lane),
	}
}

// processName is for people, and unique among all Runs.
func processName() string {
	host, _ := os.Hostname()
	return host + "/" + strconv.Itoa(os.Getpid()) + "/" + uuid.NewString()[:8]
}

// run posts until ctx ends, and then drains. The error is about what only a person can mend.
func (s *sender) run(ctx context.Context) error {
	defer s.client.close()
	working, stopWorking := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWorking()
	ctx, stopMending := context.WithCancel(ctx)
	var mending sync.WaitGroup
	mending.Go(func() { s.mend(ctx) })
	err := s.attend(ctx, working)
	stopMending()
	defer time.AfterFunc(s.config.Subscription.DrainTimeout, stopWorking).Stop()
	s.drain(working)
	mending.Wait()
	return err
}

// attend looks after the lanes until ctx ends.
func (s *sender) attend(ctx, working context.Context) error {
	looking, pulses := time.NewTimer(0), newPulses(s.config.PollInterval)
	defer looking.Stop()
	defer pulses.stop()
	defer s.turns.stop()
	for {
		s.turns.turn()
		select {
		case <-ctx.Done():
			return nil
		case l := <-s.ended:
			s.close(working, l)
		case <-s.nudges:
			pulses.hasten(time.Now())
		case <-pulses.C():
			if err := s.pulse(ctx); err != nil {
				s.complain(ctx, err)
			}
			pulses.next(time.Now())
		case <-looking.C:
			sent := time.Now()
			taken, err := s.look(ctx)
			if isMisconfigured(err) {
				return fmt.Errorf("webhooks of %s: %w", s.consumer, err)
			}
			if err != nil {
				s.complain(ctx, err)
			}
			for _, held := range taken {
				s.open(working, held, sent)
			}
			looking.Reset(lookInterval)
		}
	}
}

// drain ends all lanes, keeps the leases while requests are under way, and gives the endpoints back.
func (s *sender) drain(working context.Context) {
	for _, l := range s.lanes {
		l.stop()
	}
	looking := time.NewTicker(lookInterval)
	defer looking.Stop()
	for len(s.lanes) > 0 {
		select {
		case l := <-s.ended:
			s.close(working, l)
		case <-looking.C:
			if err := s.renew(working); err != nil {
				s.complain(working, err)
			}
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(working), lastWrite)
	defer cancel()
	if _, err := s.pool.Exec(ctx, leaveSQL, s.consumer, s.process); err != nil {
		s.complain(ctx, fmt.Errorf("leave the others: %w", err))
	}
}

// open begins to post to an endpoint that was taken.
func (s *sender) open(working context.Context, held *holding, sent time.Time) {
	l := newLane(s, held, sent.Add(s.config.Lease))
	s.lanes[held.ID] = l
	s.log.DebugContext(working, "posting to an endpoint", slog.String("endpoint", held.ID.String()), slog.Int64("token", held.token))
	go func() {
		l.run(working)
		s.ended <- l
	}()
}

// close gives an endpoint back whose lane has ended.
func (s *sender) close(working context.Context, l *lane) {
	held := l.held()
	delete(s.lanes, held.ID)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(working), lastWrite)
	defer cancel()
	if err := s.release(ctx, held); err != nil {
		s.complain(ctx, err)
	}
}

// complain logs what is tried again, but for the end of ctx.
func (s *sender) complain(ctx context.Context, err error) {
	if ctx.Err() == nil {
		s.log.WarnContext(ctx, "can't look after the endpoints, trying again", slog.String("consumer", s.consumer), slog.Any("error", err))
	}
}

// isMisconfigured tells what no retry cures: tables that are missing, rights that are, a database that does not exist.
func isMisconfigured(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (strings.HasPrefix(refused.Code, "42") || strings.HasPrefix(refused.Code, "3D") || strings.HasPrefix(refused.Code, "28"))
}
