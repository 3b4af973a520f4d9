package subscribers_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// What the handler writes and the inbox row are one transaction: the counter counts each event once.
func ExampleHandleTx() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	js, pool, publish := exampleWorld(ctx)
	defer publish.close()

	sub, err := subscribers.New(js, subscribers.Config{Durable: "invoice-summary", Inbox: subscribers.NewInbox(pool)})
	if err != nil {
		panic(err)
	}
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[issued]) error {
		var total int
		err := tx.QueryRow(ctx, `UPDATE totals SET issued = issued + $1 RETURNING issued`, e.Data.N).Scan(&total)
		if err != nil {
			return fmt.Errorf("add %s to the total: %w", e.Stream, err)
		}
		fmt.Println(e.Stream, "issued, the total is", total)
		if total == 42 {
			stop()
		}
		return nil
	})
	publish.send("invoice-1", issued{N: 40})
	publish.send("invoice-2", drafted{N: 1}) // no handler: acknowledged and counted
	publish.send("invoice-1", issued{N: 2})
	fmt.Println(sub.Run(ctx))
	// Output:
	// invoice-1 issued, the total is 40
	// invoice-1 issued, the total is 42
	// <nil>
}

// The read model and the checkpoint change in one transaction.
func ExampleNewProjection() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	js, pool, publish := exampleWorld(ctx)
	defer publish.close()

	projection, err := subscribers.NewProjection(js, pool, subscribers.ProjectionConfig{Name: "statement"},
		func(_ context.Context, _ pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
			for _, e := range events {
				fmt.Println(e.Position, e.Type, e.Stream, string(e.Data))
			}
			if events[len(events)-1].Position == 2 {
				stop() // the batch is committed nevertheless
			}
			return nil
		})
	if err != nil {
		panic(err)
	}
	publish.send("invoice-1", drafted{N: 1})
	publish.send("invoice-1", issued{N: 2})
	fmt.Println(projection.Run(ctx))
	position, err := subscribers.Checkpoint(context.Background(), pool, "statement")
	fmt.Println("checkpoint", position, err)
	// Output:
	// 1 InvoiceDrafted invoice-1 {"n":1}
	// 2 InvoiceIssued invoice-1 {"n":2}
	// <nil>
	// checkpoint 2 <nil>
}
