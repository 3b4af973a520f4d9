package webhook

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// Channel is that of the deliveries in the ledger. Their recipient, and their lane, is the endpoint's id.
const Channel = "webhook"

// Hooks posts events to endpoints: it subscribes, plans what is to be posted, and posts it. Make it with [New].
type Hooks struct {
	pool         *pgxpool.Pool
	config       Config
	subscription *subscribers.Subscription
	ledger       *deliveries.Ledger
	readings     *readings
	nudges       chan struct{} // something was planned
	newClient    func() *client
	turns        turns
}

// New checks config and returns Hooks that post nothing yet. The error names every field that is wrong. The tables are those of eventstore.Migrate,
// in the database of pool, where the inbox is as well. It closes neither js nor pool.
func New(js jetstream.JetStream, pool *pgxpool.Pool, config Config) (*Hooks, error) {
	if js == nil || pool == nil {
		return nil, errors.New("configure webhooks: both a connection to the broker and one to the database are required")
	}
	config = config.withDefaults()
	if config.Subscription.Inbox == nil {
		config.Subscription.Inbox = subscribers.NewInbox(pool)
	}
	if config.Events == nil {
		config.Events = deliveries.Stream(js, orDefault(config.Subscription.Stream, wire.DefaultStream))
	}
	h := &Hooks{
		pool: pool, config: config, readings: newReadings(), nudges: make(chan struct{}, 1),
		newClient: func() *client { return newClient(clientConfig{}) },
	}
	var subscriptionErr, ledgerErr error
	h.subscription, subscriptionErr = subscribers.New(js, config.Subscription)
	h.ledger, ledgerErr = deliveries.New(pool, h.ledgerConfig())
	if err := errors.Join(subscriptionErr, config.validate(), ledgerErr); err != nil {
		return nil, fmt.Errorf("configure webhooks: %w", err)
	}
	subscribers.HandleAnyTx(h.subscription, h.plan)
	return h, nil
}

func (h *Hooks) ledgerConfig() deliveries.Config {
	config := h.config
	return deliveries.Config{
		Consumer: config.Subscription.Durable, Rules: config.Rules, Events: config.Events, Keys: config.Subscription.Keys, Codec: config.Subscription.Codec,
		Policy: deliveries.Policy{Backoff: config.Backoff, Ambiguous: deliveries.Resend},
		Logger: config.Subscription.Logger,
	}
}

// Run subscribes and posts until ctx ends; then it takes nothing new, lets requests that are under way finish within DrainTimeout, gives its
// endpoints back and returns nil. What waits stays in the ledger, for the next process. Several processes may run with the same Durable: they share the events, and divide
// the endpoints.
//
// What is out of reach it waits for. The error is about what only a person can mend, as that of [subscribers.Subscription.Run].
func (h *Hooks) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return h.subscription.Run(ctx) })
	group.Go(func() error { return newSender(h).run(ctx) })
	return group.Wait() //nolint:wrapcheck // both name themselves
}

// Stats are those of the subscription: what became of a delivery the ledger tells.
func (h *Hooks) Stats() subscribers.Stats { return h.subscription.Stats() }
