package subscribers_test

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/wire"
)

// examplePublisher stands for the relay.
type examplePublisher struct {
	world
	stack *localstack.Stack
	conn  *nats.Conn
	pool  *pgxpool.Pool
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// exampleWorld starts both servers: an example has no testing.TB.
func exampleWorld(ctx context.Context) (jetstream.JetStream, *pgxpool.Pool, *examplePublisher) {
	p := &examplePublisher{stack: must(localstack.Start(ctx, localstack.Config{}))}
	p.conn = must(nats.Connect(p.stack.NATSURL()))
	p.pool = must(pgxpool.New(ctx, p.stack.DatabaseURL()))
	p.js = must(jetstream.New(p.conn))
	p.versions = map[string]int64{}
	must(eventstore.Migrate(ctx, p.pool))
	must(p.pool.Exec(ctx, `CREATE TABLE totals AS SELECT 0 AS issued`))
	must(p.js.CreateStream(ctx, jetstream.StreamConfig{Name: wire.DefaultStream, Subjects: []string{"events.>"}}))
	return p.js, p.pool, p
}

func (p *examplePublisher) send(stream string, payload contrail.Payload) {
	event := p.event(stream, payload)
	must(p.js.Publish(context.Background(), wire.Subject(wire.DefaultPrefix, event), wire.Append(nil, source, event)))
}

func (p *examplePublisher) close() {
	p.pool.Close()
	p.conn.Close()
	if err := p.stack.Close(); err != nil {
		panic(err)
	}
}
