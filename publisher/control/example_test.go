package control_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/control"
)

// A stream is paused for as long as something is done about its broker.
func ExamplePauseStream() {
	ctx := context.Background()
	pool, _, closeAll := exampleStack(ctx)
	defer closeAll()

	paused, err := control.PauseStream(ctx, pool, "EVENTS", "ada", "the broker moves house")
	must(err)
	must(control.AwaitStream(ctx, pool, "EVENTS")) // nothing is published any more
	fmt.Printf("%s is paused by %s: %s\n", paused.Name, paused.PausedBy, paused.PausedBecause)

	resumed, err := control.ResumeStream(ctx, pool, "EVENTS")
	must(err)
	fmt.Println("paused:", resumed.PausedAt != nil)
	// Output:
	// EVENTS is paused by ada: the broker moves house
	// paused: false
}

// A relay is told to stop by the name that people know it by.
func ExampleStop() {
	ctx := context.Background()
	pool, js, closeAll := exampleStack(ctx)
	defer closeAll()
	running, err := publisher.NewRelay(pool, js, publisher.Config{Identity: "billing-1"})
	must(err)
	ended := make(chan error, 1)
	go func() { ended <- running.Run(ctx) }()
	awaitRelay(ctx, pool)

	relay, err := control.Find(ctx, pool, "EVENTS", "billing-1")
	must(err)
	order, err := control.Stop(ctx, pool, relay.ID, "ada")
	must(err)
	must(control.Await(ctx, pool, order))
	relays, err := control.List(ctx, pool, "EVENTS")
	must(err)
	fmt.Printf("%s is stopped, %d relays are left, and Run has returned %v\n", relay.Identity, len(relays), <-ended)
	// Output: billing-1 is stopped, 0 relays are left, and Run has returned <nil>
}

// exampleStack is a migrated database and a NATS server, started for the example.
func exampleStack(ctx context.Context) (*pgxpool.Pool, jetstream.JetStream, func()) {
	stack, err := localstack.Start(ctx, localstack.Config{})
	must(err)
	pool, err := pgxpool.New(ctx, stack.DatabaseURL())
	must(err)
	_, err = eventstore.Migrate(ctx, pool)
	must(err)
	conn, err := nats.Connect(stack.NATSURL())
	must(err)
	js, err := jetstream.New(conn)
	must(err)
	return pool, js, func() { conn.Close(); pool.Close(); must(stack.Close()) }
}

// awaitRelay waits until a relay has told of itself.
func awaitRelay(ctx context.Context, pool *pgxpool.Pool) {
	for {
		relays, err := control.List(ctx, pool, "EVENTS")
		must(err)
		if len(relays) > 0 {
			return
		}
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
