package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/seek"
)

// patience is how long the broker may take for an answer. One that does not know resets gives none.
const patience = 10 * time.Second

// single is a subscription that is not divided: its consumer is moved.
type single struct {
	js     jetstream.JetStream
	at     address
	before *jetstream.ConsumerInfo
}

func (s *single) pause(ctx context.Context) error {
	_, err := s.js.PauseConsumer(ctx, s.at.stream, s.at.consumer, time.Now().Add(hold))
	return err //nolint:wrapcheck // run does
}

func (s *single) inHand(ctx context.Context) (int, error) {
	consumer, err := s.js.Consumer(ctx, s.at.stream, s.at.consumer)
	if err != nil {
		return 0, err //nolint:wrapcheck // settle does
	}
	return consumer.CachedInfo().NumAckPending, nil
}

// bar does nothing: the processes go on with the consumer when it has been moved.
func (*single) bar(context.Context) error { return nil }

func (s *single) move(ctx context.Context, sequence uint64) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errNoAnswer)
	defer cancel()
	_, err := s.js.ResetConsumerToSequence(ctx, s.at.stream, s.at.consumer, sequence)
	if errors.Is(err, jetstream.ErrConsumerInvalidReset) {
		return s.remake(ctx, sequence)
	}
	if err != nil && errors.Is(context.Cause(ctx), errNoAnswer) {
		return errNoAnswer
	}
	return err //nolint:wrapcheck // Reset does
}

// goOn wakes the consumer, or leaves it paused as it was.
func (s *single) goOn(ctx context.Context) error {
	return asBefore(ctx, s.js, []address{s.at}, []*jetstream.ConsumerInfo{s.before})
}

// asBefore wakes consumers, or pauses them as they were.
func asBefore(ctx context.Context, js jetstream.JetStream, addresses []address, before []*jetstream.ConsumerInfo) error {
	var awake []address
	for n, at := range addresses {
		if before[n] == nil || !before[n].Paused {
			awake = append(awake, at)
		} else if _, err := js.PauseConsumer(ctx, at.stream, at.consumer, *before[n].Config.PauseUntil); err != nil && !isNotFound(err) {
			return err //nolint:wrapcheck // goOnAnyway does
		}
	}
	_, err := wake(ctx, js, awake)
	return err
}

// errNoAnswer says that nobody has answered.
var errNoAnswer = errors.New("the broker does not answer")

// remakes is how often a consumer is made anew: a process that runs may be as quick, and make it where its own Config says.
const remakes = 5

// remake deletes the consumer and makes it anew where it shall go on, paused as it is.
func (s *single) remake(ctx context.Context, sequence uint64) error {
	consumer, err := s.js.Consumer(ctx, s.at.stream, s.at.consumer)
	if err != nil {
		return err //nolint:wrapcheck // Reset does
	}
	config := startingAt(consumer.CachedInfo().Config, sequence)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience) // what is begun is finished: a process would make it at its own Start
	defer cancel()
	for range remakes {
		if err = s.js.DeleteConsumer(ctx, s.at.stream, s.at.consumer); err != nil && !isNotFound(err) {
			return fmt.Errorf("delete it, to make it anew: %w", err)
		}
		if _, err = s.js.CreateConsumer(ctx, s.at.stream, config); !errors.Is(err, jetstream.ErrConsumerExists) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("make it anew: %w; its processes make it where they start; reset it again", err)
	}
	return nil
}

// startingAt is the configuration of a consumer that begins with a sequence.
func startingAt(config jetstream.ConsumerConfig, sequence uint64) jetstream.ConsumerConfig {
	config.DeliverPolicy, config.OptStartSeq, config.OptStartTime = jetstream.DeliverByStartSequencePolicy, sequence, nil
	if sequence <= 1 {
		config.DeliverPolicy, config.OptStartSeq = jetstream.DeliverAllPolicy, 0
	}
	return config
}

// widest is a subject that matches all events of a stream that others may share: "events.>" for "events.invoice.>". Empty: all.
func widest(filters []string) string {
	first := ""
	for _, filter := range filters {
		token, _, _ := strings.Cut(filter, ".")
		if token == "*" || token == ">" || first != "" && token != first {
			return ""
		}
		first = token
	}
	if first == "" {
		return ""
	}
	return first + ".>"
}

// firstPosition is that of the first event in its order at or behind a sequence; zero: there is none.
func firstPosition(ctx context.Context, js jetstream.JetStream, stream, subject string, sequence uint64) (contrail.Position, error) {
	open, err := seek.Open(ctx, js, stream, subject)
	if err != nil {
		return 0, err
	}
	message, event, err := open.Event(ctx, sequence)
	switch {
	case err != nil || message == nil:
		return 0, err
	case event.Resent != "":
		return event.After + 1, nil
	}
	return event.Position, nil
}
