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

// List returns the durable pull consumers of a stream, by name: the subscriptions, and others, which are not Ours. stream is EVENTS if it
// is empty, and deadLetters DEADLETTERS. The error wraps [jetstream.ErrStreamNotFound] when there is no such stream of events.
func List(ctx context.Context, js jetstream.JetStream, stream, deadLetters string) ([]Subscription, error) {
	name := Name{Durable: "all", Stream: stream, DeadLetters: deadLetters}.orDefaults()
	if err := name.validate(); err != nil {
		return nil, fmt.Errorf("list subscriptions: %w", err)
	}
	events, err := js.Stream(ctx, name.Stream)
	if err != nil {
		return nil, fmt.Errorf("list subscriptions of stream %s: %w", name.Stream, err)
	}
	found := []Subscription{}
	lister := events.ListConsumers(ctx)
	for info := range lister.Info() {
		if !isDurable(info) {
			continue
		}
		subscription, err := read(ctx, js, name, info)
		if err != nil {
			return nil, fmt.Errorf("list subscriptions of stream %s: %w", name.Stream, err)
		}
		found = append(found, subscription)
	}
	if err := lister.Err(); err != nil {
		return nil, fmt.Errorf("list subscriptions of stream %s: %w", name.Stream, err)
	}
	slices.SortFunc(found, func(a, b Subscription) int { return cmp.Compare(a.Durable, b.Durable) })
	return found, nil
}

// Get returns one subscription. The error wraps [ErrNotFound].
func Get(ctx context.Context, js jetstream.JetStream, name Name) (Subscription, error) {
	name = name.orDefaults()
	consumer, err := find(ctx, js, name)
	if err != nil {
		return Subscription{}, err
	}
	subscription, err := read(ctx, js, name, consumer.CachedInfo())
	if err != nil {
		return Subscription{}, fmt.Errorf("look up subscription %s: %w", name, err)
	}
	return subscription, nil
}

// find looks the consumer up.
func find(ctx context.Context, js jetstream.JetStream, name Name) (jetstream.Consumer, error) {
	if err := name.validate(); err != nil {
		return nil, err
	}
	consumer, err := js.Consumer(ctx, name.Stream, name.Durable)
	switch {
	case errors.Is(err, jetstream.ErrNotPullConsumer):
		return nil, fmt.Errorf("subscription %s: %w; the consumer of that name pushes (DeliverSubject)", name, ErrNotFound)
	case isNotFound(err):
		return nil, fmt.Errorf("subscription %s: %w: %w", name, ErrNotFound, err)
	case err != nil:
		return nil, fmt.Errorf("look up subscription %s: %w", name, err)
	}
	return consumer, nil
}

func isNotFound(err error) bool {
	return errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound)
}
