package publisher_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/publisher"
)

func ExampleRelay() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	pool, js, closeAll := exampleStack(ctx)
	defer closeAll()
	_, err := pool.Exec(ctx, `INSERT INTO contrail.events (stream, version, type, data) VALUES ('invoice-42', 1, 'InvoiceDrafted', '{"total": "19.80"}')`)
	must(err)

	relay, err := publisher.NewRelay(pool, js, publisher.Config{Name: "billing"})
	must(err)
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()

	arrived := make(chan jetstream.Msg, 1)
	consumer, err := js.OrderedConsumer(ctx, awaitStream(ctx, js), jetstream.OrderedConsumerConfig{})
	must(err)
	consuming, err := consumer.Consume(func(msg jetstream.Msg) { arrived <- msg })
	must(err)
	defer consuming.Stop()
	fmt.Println((<-arrived).Subject())

	cancel() // drains
	fmt.Println("ended:", <-ended)

	report, err := publisher.Verify(context.Background(), pool, js, publisher.VerifyConfig{})
	must(err)
	fmt.Printf("%d of %d published, ok: %t\n", report.Published, report.Events, report.OK)
	// Output:
	// events.invoice.42.InvoiceDrafted
	// ended: <nil>
	// 1 of 1 published, ok: true
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

// awaitStream waits until the relay has created its stream.
func awaitStream(ctx context.Context, js jetstream.JetStream) string {
	for {
		if _, err := js.Stream(ctx, "EVENTS"); err == nil {
			return "EVENTS"
		}
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
