package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/erasure"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

// webhooksRunVerb posts.
type webhooksRunVerb struct {
	brokerFlags
	keysFlag
	telemetryFlags

	Durable       string        `default:"webhooks" help:"The durable consumer; processes that share it share the endpoints."`
	DeadLetters   string        `default:"DEADLETTERS" help:"The JetStream stream that takes dead letters; it is created if it is missing."`
	Concurrency   int           `default:"8" help:"Workers that plan, or as many for each partition, each with a database connection at most. Requests go by the endpoints' own."`
	MaxDeliver    int           `default:"8" help:"How often planning is tried for an event before it is a dead letter."`
	MaxAckPending int           `default:"2048" help:"Events in hand at a time, over all processes of the durable."`
	AckWait       time.Duration `default:"30s" help:"How long the events of a dead process wait to be delivered again."`
	InboxBatch    int           `default:"256" help:"Events in one transaction, at most."`
	Partitions    int           `default:"0" help:"Divide the events into so many partitions, each with one active process, so that order is kept among processes; 0: don't."`
	Connections   int           `default:"16" help:"Database connections, at most. A request holds none while it waits for its answer."`

	AllowPrivate bool          `help:"Post to endpoints that were added with --allow-private in private networks, and on this machine."`
	DisableAfter string        `default:"5d" placeholder:"5d" help:"How long an endpoint may fail before it is disabled, as 36h or 5d; 0s: for ever."`
	DrainTimeout time.Duration `default:"30s" help:"How long requests may still take after a signal."`
}

// Help teaches.
func (*webhooksRunVerb) Help() string {
	return `Posts events to the endpoints that were added for its durable, until SIGINT, SIGTERM or SIGHUP. It waits for the stream, which the relay creates. Endpoints that are
added, changed or disabled meanwhile are noticed within a second.

An endpoint that fails is tried again, at ever longer intervals, and the events behind wait, so that the order stays. After five failures in
a row it is only probed; after --disable-after it is disabled, and the event WebhookDisabled is appended to the stream webhook-<id> of
the event store. Endpoints do not hinder one another. Several processes may run: they divide the endpoints among them, and stand in for
one that dies.

It exits 0 on a signal, when the requests that were under way have their answers, or --drain-timeout is over.

Examples:

  contrail webhooks run
  contrail webhooks run --durable partner-hooks --partitions 8 --log-format json`
}

// Run posts until ctx ends.
func (v *webhooksRunVerb) Run(ctx context.Context, a *app) error {
	endTelemetry, err := v.startTelemetry(ctx, a)
	if err != nil {
		return err
	}
	defer endTelemetry()
	config, err := v.config(a)
	if err != nil {
		return err
	}
	keyring, err := v.keyring()
	if err != nil {
		return err
	}
	pool, err := a.openStore(ctx, int32(v.Connections)) //nolint:gosec // check bounds it
	if err != nil {
		return err
	}
	defer pool.Close()
	if keyring != nil {
		if config.Subscription.Keys, err = erasure.NewKeys(pool, keyring, erasure.Config{}); err != nil {
			return err
		}
	}
	js, closeNATS, err := a.openJetStream(ctx, v.brokerFlags)
	if err != nil {
		return err
	}
	defer closeNATS()
	hooks, err := webhook.New(js, pool, config)
	if err != nil {
		return misconfigured(err)
	}
	endTelling, err := v.tell(ctx, a, hooks, pool, js)
	if err != nil {
		return err
	}
	defer endTelling()
	a.telemetry.Health().Begin()
	err = hooks.Run(ctx)
	stats := hooks.Stats()
	a.log.InfoContext(ctx, "stopped", slog.Int64("planned", stats.Handled), slog.Int64("dead_lettered", stats.DeadLettered))
	return err
}

// check refuses what the library would take for left out, and names the flags.
func (v *webhooksRunVerb) check() error {
	err := errors.Join(
		atLeast("--concurrency", v.Concurrency, 1),
		atLeast("--max-deliver", v.MaxDeliver, 1),
		atLeast("--max-ack-pending", v.MaxAckPending, 1),
		atLeast("--ack-wait", v.AckWait, 100*time.Millisecond),
		atLeast("--inbox-batch", v.InboxBatch, 1),
		atLeast("--partitions", v.Partitions, 0),
		atLeast("--connections", v.Connections, 4),
		atLeast("--drain-timeout", v.DrainTimeout, time.Millisecond),
	)
	switch {
	case err != nil:
		return err
	case v.Connections > 1000:
		return usagef("--connections is %d; give 1000 or less", v.Connections)
	}
	return v.checkBroker()
}

// config is what the flags say.
func (v *webhooksRunVerb) config(a *app) (webhook.Config, error) {
	if err := v.check(); err != nil {
		return webhook.Config{}, err
	}
	disableAfter, err := duration(v.DisableAfter)
	switch {
	case err != nil || disableAfter < 0:
		return webhook.Config{}, usagef("--disable-after is %q; give how long as 36h or 5d, or 0s", v.DisableAfter)
	case disableAfter == 0:
		disableAfter = -1
	}
	store, err := eventstore.New(eventstore.Config{Tracer: a.telemetry.Tracer(), Meter: a.telemetry.Meter()})
	if err != nil {
		return webhook.Config{}, err
	}
	return webhook.Config{
		Subscription: subscribers.Config{
			Durable: v.Durable, Stream: v.Stream, Prefix: v.Prefix, MaxDeliver: v.MaxDeliver, AckWait: v.AckWait, MaxAckPending: v.MaxAckPending,
			Concurrency: v.Concurrency, DeadLetters: v.DeadLetters, InboxBatch: v.InboxBatch, DrainTimeout: v.DrainTimeout,
			Partitions: v.Partitions, Logger: a.log, Tracer: a.telemetry.Tracer(), Meter: a.telemetry.Meter(),
		},
		AllowPrivate: v.AllowPrivate, DisableAfter: disableAfter,
		Append: func(ctx context.Context, tx pgx.Tx, stream contrail.StreamID, events ...contrail.Event) error {
			_, err := store.Append(ctx, tx, stream, eventstore.Any, events...)
			return err
		},
	}, nil
}
