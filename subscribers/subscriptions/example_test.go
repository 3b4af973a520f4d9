package subscriptions_test

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// The handler of a subscription was wrong for a while: it is paused, and mended; then the events from position 2 on are handled once more, and the
// first one as well.
func Example() {
	ctx := context.Background()
	pool, js, closeAll := exampleStack(ctx)
	defer closeAll()
	name := subscriptions.Name{Durable: "counter"}
	handled := make(chan contrail.Position, 99)
	sub := must(subscribers.New(js, subscribers.Config{Durable: "counter", Inbox: subscribers.NewInbox(pool), Concurrency: 1}))
	subscribers.HandleTx(sub, func(_ context.Context, _ pgx.Tx, e contrail.Delivered[counted]) error {
		handled <- e.Position
		return nil
	})
	stop := runExample(ctx, sub)
	defer stop()
	fmt.Println("handled", <-handled, <-handled, <-handled)

	check(subscriptions.Pause(ctx, js, name, subscriptions.Forever()))
	fmt.Println("paused", must(subscriptions.Get(ctx, js, name)).PausedUntil != nil)
	check(subscriptions.Resume(ctx, js, name))

	done := must(subscriptions.Reset(ctx, js, pool, name, subscriptions.ResetTo{Start: subscribers.FromPosition(2), Forget: true}))
	fmt.Println("reset to position", done.Position)
	fmt.Println("handled", <-handled, <-handled)

	replayed := must(subscriptions.Replay{From: 1, To: 1, By: "ada@ops"}.Run(ctx, js, pool, name))
	fmt.Println("replayed", replayed.Events)
	fmt.Println("handled", <-handled)
	// Output:
	// handled 1 2 3
	// paused true
	// reset to position 2
	// handled 2 3
	// replayed 1
	// handled 1
}

// exampleStack has three events of a stream, as a relay publishes them.
func exampleStack(ctx context.Context) (*pgxpool.Pool, jetstream.JetStream, func()) {
	stack := must(localstack.Start(ctx, localstack.Config{}))
	pool := must(pgxpool.New(ctx, stack.DatabaseURL()))
	must(eventstore.Migrate(ctx, pool))
	conn := must(nats.Connect(stack.NATSURL()))
	js := must(jetstream.New(conn))
	must(js.CreateStream(ctx, jetstream.StreamConfig{Name: wire.DefaultStream, Subjects: []string{"events.>"}}))
	for n := range 3 {
		event := contrail.Recorded{
			Position: contrail.Position(n + 1), ID: uuid.New(), Stream: contrail.NewStreamID("counter", "1"), Version: int64(n + 1),
			Type: "Counted", Data: []byte(`{}`),
		}
		must(js.Publish(ctx, wire.Subject(wire.DefaultPrefix, event), wire.Append(nil, source, event)))
	}
	return pool, js, func() { conn.Close(); pool.Close(); check(stack.Close()) }
}

// runExample runs a subscription until stop is called.
func runExample(ctx context.Context, sub *subscribers.Subscription) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- sub.Run(ctx) }()
	return func() { cancel(); check(<-ended) }
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
