package subscribers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// heed makes dead letters of the events that the broker has given up, until ctx ends. What is not answered then comes back.
func (s *session) heed(ctx context.Context) {
	for {
		consumers, err := insist(ctx, s.config, s.advisories)
		if err == nil && consumers != nil {
			err = s.heedAll(ctx, consumers)
		}
		switch {
		case ctx.Err() != nil:
			return
		case hopeless(err):
			s.fail(err)
			return
		}
		s.config.Logger.WarnContext(ctx, "the broker's advisories can't be read, trying again",
			slog.String("consumer", s.config.Durable), slog.Any("error", err))
		if !wait(ctx, nil, advisoryBackoff().delay(1)) {
			return
		}
	}
}

func (s *session) heedAll(ctx context.Context, consumers []jetstream.Consumer) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, consumer := range consumers {
		group.Go(func() error { return s.heedOne(ctx, consumer) })
	}
	return group.Wait() //nolint:wrapcheck // it is our own
}

// heedOne takes one advisory after another, and no more at a time: what waits here while another takes its time would be delivered again.
func (s *session) heedOne(ctx context.Context, consumer jetstream.Consumer) error {
	messages, err := consumer.Messages(jetstream.PullMaxMessages(1), jetstream.PullHeartbeat(pullHeartbeat))
	if err != nil {
		return fmt.Errorf("read advisories: %w", err)
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read advisories: %w", err)
		}
		if err := s.answer(ctx, msg); err != nil {
			return err
		}
	}
}

// errInHand says that the event that was given up is being handled in this process, which will have a verdict on it.
var errInHand = errors.New("it is still being handled here")

// advisoryBackoff is the time until an advisory is looked at again whose event can't be settled yet.
func advisoryBackoff() Backoff { return Backoff{Min: time.Second, Max: time.Minute} }

// answer settles one advisory, or puts it off. An answer to the broker that is lost does no harm: the advisory comes again, and its dead letter is
// found. The error is about what only a person can mend.
func (s *session) answer(ctx context.Context, msg jetstream.Msg) error {
	a, from, err := s.advisoryOf(msg)
	if err != nil {
		s.config.Logger.WarnContext(ctx, "an advisory is ignored", slog.String("subject", msg.Subject()), slog.Any("error", err))
		_ = msg.Ack()
		return nil
	}
	switch err := s.settle(ctx, a, from); {
	case err == nil:
		_ = msg.Ack()
	case ctx.Err() != nil:
		_ = msg.Nak()
	case isMisconfigured(err):
		return err
	default:
		level := slog.LevelWarn
		if errors.Is(err, errInHand) {
			level = slog.LevelDebug
		}
		s.config.Logger.Log(ctx, level, "an event that the broker has given up is looked at again later", slog.String("consumer", a.Consumer),
			slog.String("stream", a.Stream), slog.Uint64("sequence", a.Sequence), slog.Any("error", err))
		_ = msg.NakWithDelay(advisoryBackoff().delay(deliveriesOf(msg)))
	}
	return nil
}

// advisoryOf reads an advisory, and finds which feed it is about.
func (s *session) advisoryOf(msg jetstream.Msg) (advisory, *feed, error) {
	a, err := parseAdvisory(msg.Data())
	if err != nil {
		return advisory{}, nil, err
	}
	a.repeated = deliveriesOf(msg) > 1
	for _, feed := range s.feeds {
		if feed.stream == a.Stream && feed.name == a.Consumer {
			return a, feed, nil
		}
	}
	return advisory{}, nil, fmt.Errorf("it is about consumer %q of stream %q, unlike its subject", a.Consumer, a.Stream)
}

// deliveriesOf is how often the broker has delivered a message.
func deliveriesOf(msg jetstream.Msg) int {
	meta, err := msg.Metadata()
	if err != nil { // every message of a consumer has some
		return 1
	}
	return int(meta.NumDelivered) //nolint:gosec // no advisory is delivered so often
}
