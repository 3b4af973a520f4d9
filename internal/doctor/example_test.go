package doctor_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/doctor"
	"github.com/contrail-events/contrail/internal/localstack"
)

// Two checks of a database that is fast and not durable, and whose sequence somebody has changed.
func ExampleDoctor_Run() {
	ctx := context.Background()
	pool, js, closeAll := exampleStack(ctx)
	defer closeAll()
	_, err := pool.Exec(ctx, `ALTER SEQUENCE contrail.events_position_seq CACHE 20`)
	must(err)

	examiner, err := doctor.New(pool, js, doctor.Config{Only: []string{"durability", "sequence"}})
	must(err)
	findings, err := examiner.Run(ctx)
	must(err)
	for _, finding := range findings {
		fmt.Printf("%s %s: %s\n", finding.Severity, finding.Check, finding.What)
	}
	// Output:
	// danger durability: fsync is off
	// danger durability: full_page_writes is off
	// danger sequence: the sequence of positions has CACHE 20, INCREMENT 1, cycle false
}

// Without a server the checks that need it are noted as not made.
func ExampleNew() {
	examiner, err := doctor.New(nil, nil, doctor.Config{Only: []string{"database", "broker"}, NoBroker: errors.New("NATS at localhost:4222 can't be used: connection refused")})
	must(err)
	findings, err := examiner.Run(context.Background())
	must(err)
	for _, finding := range findings {
		fmt.Printf("%s: %s; do: %s\n", finding.Severity, finding.What, finding.Do)
	}
	// Output:
	// note: no PostgreSQL is examined; do: name it (DATABASE_URL)
	// danger: NATS at localhost:4222 can't be used: connection refused; do: start it, or correct NATS_URL
}

func ExampleChecks() {
	for _, check := range doctor.Checks()[:3] {
		fmt.Println(check.Name + ": " + check.About)
	}
	// Output:
	// database: PostgreSQL can be reached, and is of a version that will do
	// standby: it is the primary, which alone knows what is settled
	// durability: what PostgreSQL commits outlives a crash; transactions are at READ COMMITTED
}

// exampleStack is a migrated database and a NATS server, started for the example.
func exampleStack(ctx context.Context) (*pgxpool.Pool, jetstream.JetStream, func()) {
	stack, err := localstack.Start(ctx, localstack.Config{})
	must(err)
	pool, err := pgxpool.New(ctx, stack.DatabaseURL())
	must(err)
	_, err = eventstore.Migrate(ctx, pool)
	must(err)
	closed := make(chan struct{})
	conn, err := nats.Connect(stack.NATSURL(), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	must(err)
	js, err := jetstream.New(conn)
	must(err)
	return pool, js, func() {
		conn.Close()
		<-closed // its goroutines are over, too
		pool.Close()
		must(stack.Close())
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
