package subscriptions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrNotFound says that there is no such subscription: it has never run, or the name is wrong.
var ErrNotFound = errors.New("there is no such subscription")

// List returns the subscriptions of a stream, by name: those that are divided, the durable pull consumers of others, and such consumers that are not
// Ours. stream is EVENTS if it is empty, and deadLetters DEADLETTERS. The error wraps [jetstream.ErrStreamNotFound] when there is no such stream of
// events.
func List(ctx context.Context, js jetstream.JetStream, stream, deadLetters string) ([]Subscription, error) {
	name := Name{Durable: "all", Stream: stream, DeadLetters: deadLetters}.orDefaults()
	if err := name.validate(); err != nil {
		return nil, fmt.Errorf("list subscriptions: %w", err)
	}
	all, err := findAll(ctx, js, name)
	if err != nil {
		return nil, fmt.Errorf("list subscriptions of stream %s: %w", name.Stream, err)
	}
	list := []Subscription{}
	for durable, one := range all {
		name.Durable = durable
		subscription, err := one.read(ctx, js, name)
		if err != nil {
			return nil, fmt.Errorf("list subscriptions of stream %s: %s: %w", name.Stream, durable, err)
		}
		list = append(list, subscription)
	}
	slices.SortFunc(list, func(a, b Subscription) int { return cmp.Compare(a.Durable, b.Durable) })
	return list, nil
}

// Get returns one subscription. The error wraps [ErrNotFound].
func Get(ctx context.Context, js jetstream.JetStream, name Name) (Subscription, error) {
	name = name.orDefaults()
	one, err := find(ctx, js, name)
	if err != nil {
		return Subscription{}, err
	}
	subscription, err := one.read(ctx, js, name)
	if err != nil {
		return Subscription{}, fmt.Errorf("look up subscription %s: %w", name, err)
	}
	return subscription, nil
}

// found is a subscription as the broker has it: one of the two.
type found struct {
	consumer *jetstream.ConsumerInfo // on the stream of events
	copies   *copies                 // its events are divided
}

// findAll looks all of a stream up, by Durable. A consumer that was left behind when its events were divided does not count.
func findAll(ctx context.Context, js jetstream.JetStream, name Name) (map[string]found, error) {
	events, err := js.Stream(ctx, name.Stream)
	if err != nil {
		return nil, err //nolint:wrapcheck // List does
	}
	all := map[string]found{}
	consumers := events.ListConsumers(ctx)
	for info := range consumers.Info() {
		if info.Config.Durable != "" && info.Config.DeliverSubject == "" { // neither ephemeral nor one that pushes
			all[info.Config.Durable] = found{consumer: info}
		}
	}
	var divided []string
	streams := js.ListStreams(ctx)
	for info := range streams.Info() {
		if durable, _ := dividedBy(info.Config, name.Stream); durable != "" {
			divided = append(divided, durable)
		}
	}
	if err := errors.Join(consumers.Err(), streams.Err()); err != nil {
		return nil, err
	}
	for _, name.Durable = range divided {
		copies, err := openCopies(ctx, js, name)
		if err != nil {
			return nil, err
		}
		if copies != nil { // else somebody has just deleted it
			all[name.Durable] = found{copies: copies}
		}
	}
	return all, nil
}

// find looks one up.
func find(ctx context.Context, js jetstream.JetStream, name Name) (found, error) {
	if err := name.validate(); err != nil {
		return found{}, err
	}
	divided, err := openCopies(ctx, js, name)
	if err != nil || divided != nil {
		return found{copies: divided}, err
	}
	consumer, err := js.Consumer(ctx, name.Stream, name.Durable)
	switch {
	case errors.Is(err, jetstream.ErrNotPullConsumer):
		return found{}, fmt.Errorf("subscription %s: %w; the consumer of that name pushes (DeliverSubject)", name, ErrNotFound)
	case isNotFound(err):
		return found{}, fmt.Errorf("subscription %s: %w: %w", name, ErrNotFound, err)
	case err != nil:
		return found{}, fmt.Errorf("look up subscription %s: %w", name, err)
	}
	return found{consumer: consumer.CachedInfo()}, nil
}

// filters are the subjects that it consumes; none: all.
func (f found) filters(ctx context.Context) ([]string, error) {
	if f.copies == nil {
		return filtersOf(f.consumer.Config), nil
	}
	consumers, err := f.copies.consumers(ctx)
	return f.copies.filters(consumers), err
}

func isNotFound(err error) bool {
	return errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound)
}
