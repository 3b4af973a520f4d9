package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Forever is until when a subscription is paused that only [Resume] shall wake. It is in the year 2262.
func Forever() time.Time { return time.Unix(0, 1<<63-1).UTC().Truncate(time.Hour) }

// Pause has no event delivered to a subscription any more until then, by the broker's clock, whatever processes run, start or end
// meanwhile; nor anything that is requeued or replayed to it. What is in hand is still handled. What fails then, or was in the hands of
// a process that dies, waits as well. A subscription that is paused already is paused until the new time.
//
// The error wraps [ErrNotFound]. After another one the subscription may be paused in part; calling it again does no harm.
func Pause(ctx context.Context, js jetstream.JetStream, name Name, until time.Time) error {
	name = name.orDefaults()
	if _, err := find(ctx, js, name); err != nil {
		return err
	}
	return each(name, func(stream string) error {
		answer, err := js.PauseConsumer(ctx, stream, name.Durable, until)
		if err == nil && !answer.Paused {
			err = fmt.Errorf("the broker's clock is past %s already", until.Format(time.RFC3339))
		}
		return explain("pause", name, stream, err)
	})
}

// Resume has events delivered to a subscription again. One that is not paused stays as it is. Else it works as [Pause] does.
func Resume(ctx context.Context, js jetstream.JetStream, name Name) error {
	name = name.orDefaults()
	if _, err := find(ctx, js, name); err != nil {
		return err
	}
	return each(name, func(stream string) error {
		return explain("resume", name, stream, wake(ctx, js, stream, name.Durable))
	})
}

// soon is longer than a broker takes for an answer, most of the time.
const soon = 100 * time.Millisecond

// wake lets a consumer's pause run out, rather than end it: the broker looks for events to deliver only when one runs out, and would else wait for
// the next pull, which may take seconds. The time is the broker's own.
func wake(ctx context.Context, js jetstream.JetStream, stream, durable string) error {
	consumer, err := js.Consumer(ctx, stream, durable)
	if err != nil {
		return err //nolint:wrapcheck // the callers do
	}
	if info := consumer.CachedInfo(); info.Paused {
		if _, err := js.PauseConsumer(ctx, stream, durable, info.TimeStamp.Add(soon)); err != nil {
			return err //nolint:wrapcheck // the callers do
		}
		if err := rest(ctx, soon); err != nil {
			return err
		}
	}
	_, err = js.ResumeConsumer(ctx, stream, durable)
	return err //nolint:wrapcheck // the callers do
}

// each does the same to both consumers of a subscription. One that has not run yet since it became able to requeue has the first one only.
func each(name Name, do func(stream string) error) error {
	if err := do(name.Stream); err != nil {
		return err
	}
	if err := do(name.DeadLetters); !isNotFound(err) {
		return err
	}
	return nil
}

// explain says what was done to which consumer.
func explain(operation string, name Name, stream string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, nats.ErrNoResponders) || errors.Is(err, errNoAnswer) {
		err = fmt.Errorf("%w; does every server run nats-server %s or later?", err, leastVersion(operation))
	}
	return fmt.Errorf("%s subscription %s (its consumer on stream %s): %w", operation, name, stream, err)
}

// leastVersion is that of the nats-server that can do it.
func leastVersion(operation string) string {
	if operation == "reset" {
		return "2.14"
	}
	return "2.11"
}
