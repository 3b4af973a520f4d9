package load

import (
	"context"
	"encoding/json"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// newSubscriber is where events arrive that are handled as a service would. It begins with the stream, which is the run's own: were it to begin with what is
// new, the first events could be there before it.
func newSubscriber(js jetstream.JetStream, cfg Config, arrived func(contrail.Recorded)) (*subscribers.Subscription, error) {
	sub, err := subscribers.New(js, subscribers.Config{
		Durable: cfg.Durable, Stream: cfg.Stream, Prefix: cfg.Prefix, Subject: cfg.Subject, DeadLetters: cfg.DeadLetters,
		Categories: []string{Category}, Types: []string{Type}, Logger: cfg.Logger,
	})
	if err != nil {
		return nil, err
	}
	subscribers.HandleAny(sub, func(_ context.Context, e contrail.Delivered[json.RawMessage]) error {
		arrived(e.Recorded)
		return nil
	})
	return sub, nil
}
