package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/subscribers"
)

// subscribeVerb runs the worked example's consumers.
type subscribeVerb struct {
	brokerFlags

	Durable       string        `default:"invoice-summary" help:"The subscription's durable consumer; processes that share it share the work."`
	Projection    string        `default:"statement" help:"The projection's name; of the processes that share it one is active."`
	DeadLetters   string        `default:"DEADLETTERS" help:"The JetStream stream that takes dead letters; it is created if it is missing."`
	Concurrency   int           `default:"8" help:"Workers of the subscription, or of each of its partitions, each with a database connection at most."`
	MaxDeliver    int           `default:"8" help:"How often an event is delivered before it is a dead letter."`
	MaxAckPending int           `default:"2048" help:"Events in hand at a time, over all processes of the durable."`
	AckWait       time.Duration `default:"30s" help:"How long the events of a dead process wait to be delivered again."`
	InboxBatch    int           `default:"256" help:"Events in one transaction, at most."`
	Partitions    int           `default:"0" help:"Divide the events into so many partitions, each with one active process, so that order is kept among processes; 0: don't."`

	HandlerTimeout time.Duration `default:"5m" help:"How long a handler may take for one event."`
	DrainTimeout   time.Duration `default:"30s" help:"How long handlers may still run after a signal."`
}

// Help teaches.
func (*subscribeVerb) Help() string {
	return `Runs what the worked example consumes, until SIGINT, SIGTERM or SIGHUP: the subscription invoice-summary, which counts
and adds up an organisation's invoices through an inbox, and the projection statement, which writes what an organisation is owed
in global order. Both write to the schema invoicing of the database, so run "contrail migrate --example" first. It waits for the
stream, which the relay creates.

Your own subscribers are Go programs with the package subscribers; this verb shows one that works, in internal/invoicing.

Examples:

  contrail migrate --example && contrail subscribe
  contrail subscribe --concurrency 2 --max-deliver 3 --log-level debug`
}

// Run consumes until ctx ends.
func (v *subscribeVerb) Run(ctx context.Context, a *app) error {
	if err := v.check(); err != nil {
		return err
	}
	pool, err := a.openStore(ctx, int32(max(1, min(v.Concurrency*max(1, v.Partitions), 1000)))+4) // four for the projection and its lock
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := a.inTime(ctx, func(ctx context.Context) error { return invoicing.Check(ctx, pool) }); err != nil {
		return err
	}
	js, closeNATS, err := a.openJetStream(ctx, v.brokerFlags)
	if err != nil {
		return err
	}
	defer closeNATS()
	consuming, err := newConsumers(js, pool, v.subscription(a), v.projection(a))
	if err != nil {
		return misconfigured(err)
	}
	err = consuming.run(ctx)
	stats := consuming.subscription.Stats()
	a.log.InfoContext(ctx, "stopped", slog.Int64("handled", stats.Handled), slog.Int64("duplicates", stats.Duplicates),
		slog.Int64("dead_lettered", stats.DeadLettered))
	return err
}

// check refuses what subscribers.Config would take for left out, and names the flags.
func (v *subscribeVerb) check() error {
	return errors.Join(
		atLeast("--concurrency", v.Concurrency, 1),
		atLeast("--max-deliver", v.MaxDeliver, 1),
		atLeast("--max-ack-pending", v.MaxAckPending, 1),
		atLeast("--ack-wait", v.AckWait, 100*time.Millisecond),
		atLeast("--inbox-batch", v.InboxBatch, 1),
		atLeast("--partitions", v.Partitions, 0),
		atLeast("--handler-timeout", v.HandlerTimeout, time.Millisecond),
		atLeast("--drain-timeout", v.DrainTimeout, time.Millisecond),
	)
}

func atLeast[T int | time.Duration](flag string, value, least T) error {
	if value < least {
		return usagef("%s is %v; give %v or more", flag, value, least)
	}
	return nil
}

func (v *subscribeVerb) subscription(a *app) subscribers.Config {
	return subscribers.Config{
		Durable: v.Durable, Stream: v.Stream, Prefix: v.Prefix, MaxDeliver: v.MaxDeliver, AckWait: v.AckWait, MaxAckPending: v.MaxAckPending,
		Concurrency: v.Concurrency, DeadLetters: v.DeadLetters, InboxBatch: v.InboxBatch, DrainTimeout: v.DrainTimeout,
		Partitions: v.Partitions, HandlerTimeout: v.HandlerTimeout, Logger: a.log,
	}
}

func (v *subscribeVerb) projection(a *app) subscribers.ProjectionConfig {
	return subscribers.ProjectionConfig{Name: v.Projection, Stream: v.Stream, Prefix: v.Prefix, DrainTimeout: v.DrainTimeout, Logger: a.log}
}

// consumers are the subscription and the projection, which run side by side.
type consumers struct {
	subscription *subscribers.Subscription
	projection   *subscribers.Projection
}

func newConsumers(
	js jetstream.JetStream, pool *pgxpool.Pool, config subscribers.Config, projecting subscribers.ProjectionConfig,
) (consumers, error) {
	subscription, err := invoicing.NewSummarySubscription(js, pool, config)
	projection, projectionErr := invoicing.NewStatementProjection(js, pool, projecting)
	return consumers{subscription, projection}, errors.Join(err, projectionErr)
}

// run ends when ctx does, or when one of the two fails; then the other one drains.
func (c consumers) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.subscription.Run(ctx) })
	group.Go(func() error { return c.projection.Run(ctx) })
	return group.Wait() //nolint:wrapcheck // both name themselves
}
