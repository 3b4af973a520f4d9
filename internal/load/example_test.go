package load_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/load"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/publisher"
)

func ExampleRun() {
	ctx := context.Background()
	stack, err := localstack.Start(ctx, localstack.Config{})
	must(err)
	pool, err := pgxpool.New(ctx, stack.DatabaseURL()+"&pool_max_conns=10")
	must(err)
	_, err = eventstore.Migrate(ctx, pool)
	must(err)
	conn, err := nats.Connect(stack.NATSURL())
	must(err)
	js, err := jetstream.New(conn)
	must(err)
	relay, err := publisher.NewRelay(pool, js, publisher.Config{})
	must(err)

	report, err := load.Run(ctx, pool, js, load.Config{Rate: 50, Count: 25, Concurrency: 2, Relay: relay.Run, Durable: "load"})
	must(err)
	fmt.Printf("%d of %d handled, lost: %d, ok: %t\n", report.Handled, report.Due, report.Lost, report.OK)
	fmt.Println("took time:", report.Latency.EndToEnd.P99 > 0)

	conn.Close()
	pool.Close()
	must(stack.Close())
	// Output:
	// 25 of 25 handled, lost: 0, ok: true
	// took time: true
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
