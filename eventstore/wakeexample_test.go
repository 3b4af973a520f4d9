package eventstore_test

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// follow prints what is appended, until it has printed so many events.
func follow(ctx context.Context, conn *pgx.Conn, wake eventstore.Wake, events int) error {
	feed, err := eventstore.NewFeed(conn, eventstore.FeedConfig{})
	if err != nil {
		return err
	}
	sleeper, err := eventstore.NewSleeper(conn, wake)
	if err != nil {
		return err
	}
	read := func(ctx context.Context) (bool, error) {
		batch, err := feed.Next(ctx)
		for _, event := range batch {
			fmt.Println(event.Position, event.Stream, event.Type)
		}
		events -= len(batch)
		return len(batch) > 0, err
	}
	for events > 0 {
		found, err := read(ctx)
		if err == nil && !found {
			err = sleeper.Sleep(ctx, read)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// followAppends follows the store on a connection of its own while events are appended.
func followAppends(wake eventstore.Wake) {
	ctx := context.Background()
	pool, closeAll := exampleStore(ctx)
	defer closeAll()
	ended := make(chan error, 1)
	acquired, err := pool.Acquire(ctx)
	if err != nil {
		panic(err)
	}
	conn := acquired.Hijack() // it listens: nothing for others
	defer func() { _ = conn.Close(ctx) }()
	go func() { ended <- follow(ctx, conn, wake, 2) }()
	for _, event := range []contrail.Payload{InvoiceDrafted{Total: "19.80"}, InvoiceIssued{}} {
		_, err := appendNow(ctx, pool, contrail.NewStreamID("invoice", "42"), eventstore.Any, contrail.NewEvent(event))
		if err != nil {
			panic(err)
		}
	}
	fmt.Println("ended:", <-ended)
}

func ExampleSleeper() {
	followAppends(eventstore.Wake{}) // as eventstore.Notify(5 * time.Second)
	// Output:
	// 1 invoice-42 InvoiceDrafted
	// 2 invoice-42 InvoiceIssued
	// ended: <nil>
}

func ExamplePoll() {
	followAppends(eventstore.Poll(10 * time.Millisecond)) // works through a proxy that pools transactions
	// Output:
	// 1 invoice-42 InvoiceDrafted
	// 2 invoice-42 InvoiceIssued
	// ended: <nil>
}

func ExampleCheckSession() {
	ctx := context.Background()
	pool, closeAll := exampleStore(ctx)
	defer closeAll()
	err := pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { return eventstore.CheckSession(ctx, conn.Conn(), pool) })
	fmt.Println("connected directly:", err)
	// Output: connected directly: <nil>
}
