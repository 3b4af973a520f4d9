package main

import (
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/erasure"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

// consumersConfig is how each part is set up; of those that are not selected it is left out.
type consumersConfig struct {
	parts         []string
	projection    subscribers.ProjectionConfig // of all three, without a Name
	notifications invoicing.NotificationsConfig
	hooks         webhook.Config
}

// The parts, as --parts names them.
const (
	partProjections   = "projections"
	partNotifications = "notifications"
	partReminders     = "reminders"
	partWebhooks      = "webhooks"
)

// postedTypes are the events of an invoice that others are told of.
func postedTypes() []string {
	return []string{invoice.Issued{}.EventType(), invoice.Paid{}.EventType(), invoice.Voided{}.EventType()}
}

// config is what the flags say.
func (v *subscribeVerb) config(a *app, pool *pgxpool.Pool, mailing invoicing.NotificationsConfig) (consumersConfig, error) {
	mailing.Subscription = v.subscription(a)
	mailing.Reminders = invoicing.RemindersConfig{First: v.ReminderFirst, Second: v.ReminderSecond, Mark: v.ReminderMark}
	hooks, err := v.hooks(a)
	if err != nil {
		return consumersConfig{}, err
	}
	config := consumersConfig{
		parts: v.Parts, notifications: mailing, hooks: hooks,
		projection: subscribers.ProjectionConfig{Stream: v.Stream, Prefix: v.Prefix, DrainTimeout: v.DrainTimeout, Logger: a.log, Tracer: a.telemetry.Tracer(), Meter: a.telemetry.Meter()},
	}
	return config, v.unlock(pool, &config)
}

func (v *subscribeVerb) subscription(a *app) subscribers.Config {
	return subscribers.Config{
		Durable: v.Durable, Stream: v.Stream, Prefix: v.Prefix, MaxDeliver: v.MaxDeliver, AckWait: v.AckWait, MaxAckPending: v.MaxAckPending,
		Concurrency: v.Concurrency, DeadLetters: v.DeadLetters, InboxBatch: v.InboxBatch, DrainTimeout: v.DrainTimeout,
		Partitions: v.Partitions, HandlerTimeout: v.HandlerTimeout, Logger: a.log, Tracer: a.telemetry.Tracer(), Meter: a.telemetry.Meter(),
	}
}

// hooks is what contrail webhooks run would do with these flags, but for the types.
func (v *subscribeVerb) hooks(a *app) (webhook.Config, error) {
	run := webhooksRunVerb{
		brokerFlags: v.brokerFlags, Durable: v.WebhooksDurable, DeadLetters: v.DeadLetters, Concurrency: v.Concurrency, MaxDeliver: v.MaxDeliver,
		MaxAckPending: v.MaxAckPending, AckWait: v.AckWait, InboxBatch: v.InboxBatch, Partitions: v.Partitions, Connections: hookConnections,
		AllowPrivate: v.AllowPrivate, DisableAfter: "5d", DrainTimeout: v.DrainTimeout,
	}
	config, err := run.config(a)
	config.Subscription.Types, config.Subscription.HandlerTimeout = postedTypes(), v.HandlerTimeout
	return config, err
}

const (
	projectionConnections = 4 // of one: its lock, its batches, and what looks after it
	ledgerConnections     = 8 // before and behind the mails
	runConnections        = 8 // for the steps of runs
	hookConnections       = 8 // before and behind the requests, beside those who plan them
)

// connections is how large the pool may grow. It grows when it has to.
func (v *subscribeVerb) connections() int32 {
	planning := v.Concurrency * max(1, v.Partitions)
	perPart := map[string]int{
		partProjections: 3 * projectionConnections, partNotifications: planning + ledgerConnections, partReminders: runConnections,
		partWebhooks: planning + hookConnections,
	}
	all := 0
	for _, name := range v.Parts {
		all += perPart[name]
	}
	return int32(max(1, min(all, 1000)))
}

// unlock gives the parts the keys of what is encrypted in the store, if there are any.
func (v *subscribeVerb) unlock(pool *pgxpool.Pool, config *consumersConfig) error {
	keyring, err := v.keyring()
	if err != nil || keyring == nil {
		return err
	}
	keys, err := erasure.NewKeys(pool, keyring, erasure.Config{})
	if err != nil {
		return err
	}
	config.notifications.Subscription.Keys, config.hooks.Subscription.Keys = keys, keys
	config.notifications.Store, err = eventstore.New(eventstore.Config{Keys: keyring})
	return err
}
