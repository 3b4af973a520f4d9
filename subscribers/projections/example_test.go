package projections_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/projections"
)

// A read model that went wrong is built anew from the event store, while the projection runs.
func ExampleRebuild() {
	ctx := context.Background()
	pool, js, stop := exampleStack(ctx)
	defer stop()
	_, err := pool.Exec(ctx, `UPDATE billing.totals SET events = 99`) // somebody's slip
	must(err)

	asked, err := projections.Rebuild(ctx, pool, "totals", projections.Order{By: "ada", Because: "somebody's slip"})
	must(err)
	done, err := projections.Await(ctx, pool, asked, func(now projections.Projection) {
		_ = now.Rebuild.Position // of now.Rebuild.Target: for a progress bar
	})
	must(err)
	var total int
	must(pool.QueryRow(ctx, `SELECT events FROM billing.totals`).Scan(&total))
	fmt.Printf("%s: %s from %d events, the total is %d\n", done.Projection, done.State, done.Events, total)
	now, err := projections.Get(ctx, pool, "totals")
	must(err)
	lag, err := projections.Lag(ctx, js, now)
	must(err)
	fmt.Printf("at position %d, %d messages behind\n", now.Position, lag)
	// Output:
	// totals: done from 2 events, the total is 2
	// at position 2, 0 messages behind
}

// When Pause has returned the read model changes no more.
func ExamplePause() {
	ctx := context.Background()
	pool, _, stop := exampleStack(ctx)
	defer stop()
	paused, err := projections.Pause(ctx, pool, "totals", projections.Order{By: "ada", Because: "the table gets a column"})
	must(err)
	fmt.Printf("paused by %s: %s\n", paused.By, paused.Because)
	must(projections.Resume(ctx, pool, "totals"))
	// Output: paused by ada: the table gets a column
}

// totals counts events, in a table that it names without its schema.
func totals(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
	_, err := tx.Exec(ctx, `INSERT INTO totals AS t VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET events = t.events + excluded.events`, len(events))
	return err
}

// exampleStack has a relay and a projection run, and has two events projected.
func exampleStack(ctx context.Context) (pool *pgxpool.Pool, js jetstream.JetStream, stop func()) {
	stack, err := localstack.Start(ctx, localstack.Config{})
	must(err)
	pool, err = pgxpool.New(ctx, stack.DatabaseURL())
	must(err)
	_, err = eventstore.Migrate(ctx, pool)
	must(err)
	_, err = pool.Exec(ctx, `CREATE SCHEMA billing; CREATE TABLE billing.totals (id int PRIMARY KEY, events int NOT NULL);
		INSERT INTO contrail.events (stream, version, type, data) VALUES ('invoice-1', 1, 'InvoiceDrafted', '{}'), ('invoice-1', 2, 'InvoiceIssued', '{}')`)
	must(err)
	conn, err := nats.Connect(stack.NATSURL())
	must(err)
	js, err = jetstream.New(conn)
	must(err)
	relay, err := publisher.NewRelay(pool, js, publisher.Config{})
	must(err)
	projection, err := subscribers.NewProjection(js, pool, subscribers.ProjectionConfig{Name: "totals", Tables: []string{"billing.totals"}}, totals)
	must(err)
	running, cancel := context.WithCancel(ctx)
	ended := make(chan error, 2)
	go func() { ended <- relay.Run(running) }()
	go func() { ended <- projection.Run(running) }()
	for position := contrail.Position(0); position < 2; {
		position, err = subscribers.Checkpoint(ctx, pool, "totals")
		must(err)
	}
	return pool, js, func() {
		cancel()
		must(<-ended)
		must(<-ended)
		conn.Close()
		pool.Close()
		must(stack.Close())
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
