package parked_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/publisher/parked"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// A relay has left out two events. A person looks at them, requeues one and discards the other.
func Example() {
	ctx := context.Background()
	pool, closeAll := exampleStore(ctx)
	defer closeAll()
	for event, err := range parked.List(ctx, pool, parked.Filter{Relay: "EVENTS"}) {
		fmt.Println(event.Position, event.Stream, event.Type, event.State, event.Reason, err)
	}
	ada := parked.Decision{By: "ada@ops", Note: "max_payload is 8 MB now"}
	for _, outcome := range must(parked.Requeue(ctx, pool, parked.At("EVENTS", 1, 3), ada)) {
		fmt.Println("position", outcome.Position, outcome.Text)
	}
	ada.Note = "a test event"
	for _, outcome := range must(parked.Discard(ctx, pool, parked.Matching(parked.Filter{Category: "order"}), ada)) {
		fmt.Println("position", outcome.Position, outcome.Text)
	}
	counts := must(parked.Count(ctx, pool, "EVENTS"))
	fmt.Println(counts[parked.Parked], counts[parked.Requeued], counts[parked.Discarded])
	// Output:
	// 1 invoice-42 InvoiceIssued parked message_too_large <nil>
	// 2 order-7 OrderPlaced parked refused <nil>
	// position 1 is requeued
	// position 3 is no parked event of EVENTS
	// position 2 is discarded
	// 0 1 1
}

// Seen decides about what somebody has looked at, as it was then.
func ExampleSeen() {
	ctx := context.Background()
	pool, closeAll := exampleStore(ctx)
	defer closeAll()
	looked := must(parked.Get(ctx, pool, "EVENTS", 1))
	must(parked.Discard(ctx, pool, parked.At("EVENTS", 1), parked.Decision{By: "bob@ops", Note: "superseded"}))
	for _, outcome := range must(parked.Requeue(ctx, pool, parked.Seen(looked.Event), parked.Decision{By: "ada@ops"})) {
		fmt.Println("position", outcome.Position, outcome.Text)
	}
	// Output:
	// position 1 has changed meanwhile: it is discarded now, by bob@ops
}

// What was published long ago is deleted; an excuse never is.
func ExamplePurge() {
	ctx := context.Background()
	pool, closeAll := exampleStore(ctx)
	defer closeAll()
	must(pool.Exec(ctx, `UPDATE contrail.parked SET state = 'published', changed_at = now() - interval '40 days' WHERE position = 1`))
	must(pool.Exec(ctx, `UPDATE contrail.parked SET state = 'discarded', changed_at = now() - interval '40 days' WHERE position = 2`))
	for _, outcome := range must(parked.Purge(ctx, pool, parked.Matching(parked.Filter{}), parked.Retention{})) {
		fmt.Println("position", outcome.Position, outcome.Text)
	}
	// Output:
	// position 1 is purged
	// position 2 stays discarded; its error and its note are purged
}

// exampleStore is a store with two events that a relay has left out. It starts a server: an example has no testing.TB.
func exampleStore(ctx context.Context) (*pgxpool.Pool, func()) {
	server := must(localstack.StartPostgres(ctx, localstack.PostgresConfig{}))
	pool := must(pgxpool.New(ctx, server.URL()))
	must(eventstore.Migrate(ctx, pool))
	must(pool.Exec(ctx, `INSERT INTO contrail.events (stream, version, type, data) VALUES ('invoice-42', 1, 'InvoiceIssued', '{}'), ('order-7', 1, 'OrderPlaced', '{}')`))
	must(pool.Exec(ctx, `INSERT INTO contrail.relays (stream, position, sequence) VALUES ('EVENTS', 10, 10)`))
	must(pool.Exec(ctx, `INSERT INTO contrail.parked (relay, position, stream, state, reason, error)
		VALUES ('EVENTS', 1, 'invoice-42', 'parked', 'message_too_large', 'nats: maximum payload exceeded'),
		       ('EVENTS', 2, 'order-7', 'parked', 'refused', 'nats: no')`))
	return pool, func() {
		pool.Close()
		if err := server.Close(); err != nil {
			panic(err)
		}
	}
}
