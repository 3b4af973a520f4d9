package subscribers_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// Two processes share a durable, each with its half of the partitions, and the events of a stream stay in order.
func ExampleMembers() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	js, pool, publish := exampleWorld(ctx)
	defer publish.close()

	var running sync.WaitGroup
	for range 2 { // they would be processes of their own
		sub, err := subscribers.New(js, subscribers.Config{
			Durable: "invoice-summary", Partitions: 4, Inbox: subscribers.NewInbox(pool),
		})
		if err != nil {
			panic(err)
		}
		subscribers.HandleTx(sub, func(_ context.Context, _ pgx.Tx, e contrail.Delivered[issued]) error {
			fmt.Println(e.Stream, "issued:", e.Data.N)
			if e.Data.N == 2 {
				stop()
			}
			return nil
		})
		running.Go(func() {
			if err := sub.Run(ctx); err != nil {
				panic(err)
			}
		})
	}
	for even := false; !even; {
		membership, err := subscribers.Members(ctx, js, "EVENTS", "invoice-summary")
		if err == nil && len(membership.Members) == 2 {
			even = len(membership.Members[0].Holds) == 2 && len(membership.Members[1].Holds) == 2
		}
	}
	fmt.Println("each holds two partitions")
	for n := range 3 {
		publish.send("invoice-1", issued{N: n})
	}
	running.Wait()
	// Output:
	// each holds two partitions
	// invoice-1 issued: 0
	// invoice-1 issued: 1
	// invoice-1 issued: 2
}
