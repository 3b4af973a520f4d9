package invoicing

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// NotificationsDurable is the usual name of the notifications' consumer, and of its ledger.
const NotificationsDurable = "invoice-notifications"

// The channels of the ledger: what an invoice's contact is told. All three are about the event InvoiceIssued, so each is sent once.
const (
	ChannelInvoice        = "mail"       // the invoice itself, when it is issued
	ChannelReminder       = "reminder-1" // that it is overdue
	ChannelSecondReminder = "reminder-2" // that it still is
)

// Notifications tells contacts of their invoices: a mail when one is issued, reminders while one is overdue. What is to be sent is planned in the transactions of a
// subscription, and of the steps of runs; the ledger sends it. Make it with [NewNotifications].
type Notifications struct {
	pool         *pgxpool.Pool
	config       NotificationsConfig
	aggregates   aggregates
	subscription *subscribers.Subscription
	ledger       *deliveries.Ledger
	worker       *steps.Worker
}

// NewNotifications checks config and returns Notifications that do nothing yet. The error names every field that is wrong. The pool is that of the event store, with
// the schema of [Migrate]. It closes neither js nor pool.
func NewNotifications(js jetstream.JetStream, pool *pgxpool.Pool, config NotificationsConfig) (*Notifications, error) {
	if js == nil || pool == nil {
		return nil, errors.New("configure notifications: both a connection to the broker and one to the database are required")
	}
	config = config.withDefaults(pool)
	n := &Notifications{pool: pool, config: config}
	var storeErr, subscriptionErr, ledgerErr, workerErr error
	if n.config.Store == nil {
		n.config.Store, storeErr = eventstore.New(eventstore.Config{})
	}
	n.aggregates = newAggregates(n.config.Store)
	n.subscription, subscriptionErr = subscribers.New(js, config.Subscription)
	n.ledger, ledgerErr = deliveries.New(pool, n.ledgerConfig(js))
	n.worker, workerErr = steps.NewWorker(pool, steps.WorkerConfig{
		Options: steps.Options{Logger: config.Subscription.Logger}, DrainTimeout: config.Subscription.DrainTimeout,
	}, n.reminders())
	if err := errors.Join(config.validate(), storeErr, subscriptionErr, ledgerErr, workerErr); err != nil {
		return nil, fmt.Errorf("configure notifications: %w", err)
	}
	n.handle()
	return n, nil
}

func (n *Notifications) ledgerConfig(js jetstream.JetStream) deliveries.Config {
	config, send := n.config, deliveries.AdapterFunc(n.send)
	return deliveries.Config{
		Consumer: config.Subscription.Durable, Policy: config.Policy,
		Adapters: map[string]deliveries.Adapter{ChannelInvoice: send, ChannelReminder: send, ChannelSecondReminder: send},
		Events:   deliveries.Stream(js, config.Subscription.Stream), Keys: config.Subscription.Keys, Codec: config.Subscription.Codec,
		DrainTimeout: config.Subscription.DrainTimeout, Logger: config.Subscription.Logger,
	}
}

// Run subscribes and sends until ctx ends; then it takes nothing new, finishes what is under way within the DrainTimeout, and returns nil. Several processes may run:
// they share the events and the mails. Without [Notifications.RunReminders], here or in another process, nobody is reminded.
//
// What is out of reach it waits for. The error is about what only a person can mend.
func (n *Notifications) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return n.subscription.Run(ctx) })
	group.Go(func() error { return n.ledger.Run(ctx) })
	return group.Wait() //nolint:wrapcheck // both name themselves
}

// RunReminders performs the runs of reminders until ctx ends, in as many processes as you like; see [Notifications.Run], which sends what they plan.
func (n *Notifications) RunReminders(ctx context.Context) error {
	return n.worker.Run(ctx)
}

// Stats are those of the subscription: what became of a mail the ledger tells, and of a run package steps.
func (n *Notifications) Stats() subscribers.Stats { return n.subscription.Stats() }
