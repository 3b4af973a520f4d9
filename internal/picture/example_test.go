package picture_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/picture"
)

// A database and a broker that nobody has connected by a relay so far.
func ExampleReader_Read() {
	ctx := context.Background()
	stack, err := localstack.Start(ctx, localstack.Config{})
	must(err)
	defer func() { must(stack.Close()) }()
	pool, err := pgxpool.New(ctx, stack.DatabaseURL())
	must(err)
	defer pool.Close()
	_, err = eventstore.Migrate(ctx, pool)
	must(err)
	closed := make(chan struct{})
	conn, err := nats.Connect(stack.NATSURL(), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	must(err)
	defer func() { conn.Close(); <-closed }()
	js, err := jetstream.New(conn)
	must(err)

	now := picture.New(pool, js, picture.Config{}).Read(ctx)
	fmt.Println(now.Postgres.Up, now.NATS.Up, now.Store.LagEvents)
	for _, problem := range now.Problems {
		fmt.Printf("%s: %s\n  %s (%s)\n", problem.Severity, problem.What, problem.Do, problem.Where)
	}
	// Output:
	// true true 0
	// danger: no relay runs for stream EVENTS: nothing that is appended is published
	//   start contrail relay, twice (/relays)
}

// What happens a second is reckoned from two pictures; a Sampler does so all the time.
func ExampleRatesBetween() {
	before, now := at(0, 100, 90, 80), at(10, 200, 140, 100)
	rates := picture.RatesBetween(before, now)
	fmt.Println(*rates.Appended, *rates.Published, rates.Handled)
	// Output: 10 5 map[mail:2]
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
