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
// a process that dies, waits as well. A subscription that is paused already is paused until the new time. Of a divided one the partitions are
// paused one after another.
//
// The error wraps [ErrNotFound]. After another one the subscription may be paused in part, and the error says so; calling it again does no harm.
func Pause(ctx context.Context, js jetstream.JetStream, name Name, until time.Time) error {
	name = name.orDefaults()
	one, err := find(ctx, js, name)
	if err != nil {
		return err
	}
	if one.copies != nil {
		if err := one.copies.complete(ctx, until); err != nil {
			return fmt.Errorf("pause subscription %s: %w", name, err)
		}
	}
	addresses := one.consumers(name)
	done, err := each(addresses, func(at address) error {
		answer, err := js.PauseConsumer(ctx, at.stream, at.consumer, until)
		if err == nil && !answer.Paused {
			err = fmt.Errorf("the broker's clock is past %s already", until.Format(time.RFC3339))
		}
		return err
	})
	return explain("pause", name, addresses, done, err)
}

// Resume has events delivered to a subscription again. One that is not paused stays as it is. Else it works as [Pause] does.
func Resume(ctx context.Context, js jetstream.JetStream, name Name) error {
	name = name.orDefaults()
	one, err := find(ctx, js, name)
	if err != nil {
		return err
	}
	addresses := one.consumers(name)
	done, err := wake(ctx, js, addresses)
	return explain("resume", name, addresses, done, err)
}

// address is where a consumer is.
type address struct {
	stream, consumer string
	optional         bool // it need not be there
}

// consumers are all that a subscription has, for its events, and at last for what is requeued to it. One that has not run yet since it became able to requeue
// lacks the last.
func (f found) consumers(name Name) []address {
	requeued := address{name.DeadLetters, name.Durable, true}
	if f.copies == nil {
		return []address{{name.Stream, name.Durable, false}, requeued}
	}
	return append(f.copies.addresses(), requeued)
}

// addresses are where the partitions' consumers are, or will be.
func (c *copies) addresses() (all []address) {
	for partition := range c.count {
		all = append(all, address{c.title(), c.consumer(partition), true})
	}
	return all
}

// complete makes the consumers of the partitions that nobody has held yet, paused.
func (c *copies) complete(ctx context.Context, until time.Time) error {
	consumers, err := c.consumers(ctx)
	for partition, info := range consumers {
		if info != nil || err != nil {
			continue
		}
		config := c.consumerConfig(partition)
		config.PauseUntil = &until
		if _, err = c.js.CreateConsumer(ctx, c.title(), config); errors.Is(err, jetstream.ErrConsumerExists) { // a process was quicker
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("make the consumers of all partitions: %w", err)
	}
	return nil
}

// each does the same to consumers, one after another, and returns to how many of them.
func each(addresses []address, do func(address) error) (done int, err error) {
	for _, at := range addresses {
		if err := do(at); err != nil && (!at.optional || !isNotFound(err)) {
			return done, err
		}
		done++
	}
	return done, nil
}

// soon is longer than a broker takes for an answer, most of the time.
const soon = 100 * time.Millisecond

// wake lets the pauses of consumers run out, rather than end them: the broker looks for events to deliver only when one runs out, and would else wait for
// the next pull, which may take seconds. The time is the broker's own.
func wake(ctx context.Context, js jetstream.JetStream, addresses []address) (done int, err error) {
	waits := false
	done, err = each(addresses, func(at address) error {
		consumer, err := js.Consumer(ctx, at.stream, at.consumer)
		if err != nil || !consumer.CachedInfo().Paused {
			return err //nolint:wrapcheck // the callers do
		}
		waits = true
		_, err = js.PauseConsumer(ctx, at.stream, at.consumer, consumer.CachedInfo().TimeStamp.Add(soon))
		return err //nolint:wrapcheck // the callers do
	})
	if err != nil {
		return done, err
	}
	if waits {
		if err := rest(ctx, soon); err != nil {
			return 0, err
		}
	}
	return each(addresses, func(at address) error {
		_, err := js.ResumeConsumer(ctx, at.stream, at.consumer)
		return err //nolint:wrapcheck // the callers do
	})
}

// explain says to how many consumers something was done, and with which it failed.
func explain(operation string, name Name, addresses []address, done int, err error) error {
	if err == nil {
		return nil
	}
	at := addresses[done]
	which := "its consumer"
	switch at.consumer {
	case name.Durable:
	case "":
		which = "its copies"
	default:
		which += " " + at.consumer
	}
	if errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, nats.ErrNoResponders) || errors.Is(err, errNoAnswer) {
		err = fmt.Errorf("%w; does every server run nats-server %s or later?", err, leastVersion(operation))
	}
	if done > 0 {
		err = fmt.Errorf("%w; it is done to %d of %d consumers; %s it again", err, done, len(addresses), operation)
	}
	return fmt.Errorf("%s subscription %s (%s on stream %s): %w", operation, name, which, at.stream, err)
}

// leastVersion is that of the nats-server that can do it.
func leastVersion(operation string) string {
	if operation == "reset" {
		return "2.14"
	}
	return "2.11"
}
