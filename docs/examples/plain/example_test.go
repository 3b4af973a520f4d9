package plain_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/docs/examples/plain"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/publisher"
)

// A consumer adds up what was paid, each payment once. The relay that fills the stream is Contrail's, the consumer knows nothing of it.
func ExampleConsumer() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	js, pool, closeAll := exampleStack(ctx)
	defer closeAll()
	must(pool.Exec(ctx, `CREATE TABLE applied (consumer text, position bigint, PRIMARY KEY (consumer, position))`))
	must(pool.Exec(ctx, `CREATE TABLE revenue AS SELECT 0 AS cents`))
	must(pool.Exec(ctx, `INSERT INTO contrail.events (stream, version, type, data) VALUES
('order-42', 1, 'OrderPlaced', '{}'), ('order-42', 2, 'OrderPaid', '{"cents": 1980}'), ('order-43', 1, 'OrderPaid', '{"cents": 750}')`))

	db := stdlib.OpenDBFromPool(pool) // any *sql.DB
	defer func() { fail(db.Close()) }()
	consumer := plain.New(js, db, plain.Config{Durable: "revenue", Filter: "events.order.*.OrderPaid"},
		func(ctx context.Context, tx *sql.Tx, e plain.Event) error {
			var paid struct{ Cents int }
			if err := json.Unmarshal(e.Data, &paid); err != nil {
				return fmt.Errorf("%w: %w", plain.ErrPermanent, err)
			}
			var revenue int
			err := tx.QueryRowContext(ctx, `UPDATE revenue SET cents = cents + $1 RETURNING cents`, paid.Cents).Scan(&revenue)
			if err != nil {
				return err
			}
			fmt.Println(e.Subject, "version", e.StreamVersion, "makes", revenue)
			if revenue == 2730 {
				stop() // this event is finished nevertheless
			}
			return nil
		})
	fmt.Println(consumer.Run(ctx))
	// Output:
	// order-42 version 2 makes 1980
	// order-43 version 1 makes 2730
	// <nil>
}

// exampleStack starts both servers and a relay between them, and waits for the relay's stream.
func exampleStack(ctx context.Context) (jetstream.JetStream, *pgxpool.Pool, func()) {
	stack := must(localstack.Start(ctx, localstack.Config{}))
	pool := must(pgxpool.New(ctx, stack.DatabaseURL()))
	must(eventstore.Migrate(ctx, pool))
	conn := must(nats.Connect(stack.NATSURL()))
	js := must(jetstream.New(conn))
	relay := must(publisher.NewRelay(pool, js, publisher.Config{}))
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	for {
		if _, err := js.Stream(ctx, "EVENTS"); err == nil {
			break
		}
	}
	return js, pool, func() {
		fail(<-ended)
		pool.Close()
		conn.Close()
		fail(stack.Close())
	}
}

func must[T any](value T, err error) T {
	fail(err)
	return value
}

func fail(err error) {
	if err != nil {
		panic(err)
	}
}
