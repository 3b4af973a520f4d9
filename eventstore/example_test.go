package eventstore_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/erasure"
	"github.com/contrail-events/contrail/internal/localstack"
)

// InvoiceDrafted is an event's body that knows its own type.
type InvoiceDrafted struct {
	Total string `json:"total"`
}

func (InvoiceDrafted) EventType() string { return "InvoiceDrafted" }

// InvoiceIssued is another.
type InvoiceIssued struct{}

func (InvoiceIssued) EventType() string { return "InvoiceIssued" }

// exampleStore is a migrated database on a server of its own.
func exampleStore(ctx context.Context) (pool *pgxpool.Pool, closeAll func()) {
	server, err := localstack.StartPostgres(ctx, localstack.PostgresConfig{})
	if err != nil {
		panic(err)
	}
	pool, err = pgxpool.New(ctx, server.URL())
	if err != nil {
		panic(err)
	}
	if _, err := eventstore.Migrate(ctx, pool); err != nil {
		panic(err)
	}
	return pool, func() { pool.Close(); _ = server.Close() }
}

func Example() {
	ctx := context.Background()
	pool, closeAll := exampleStore(ctx)
	defer closeAll()
	store, err := eventstore.New(eventstore.Config{})
	if err != nil {
		panic(err)
	}

	invoice := contrail.NewStreamID("invoice", "42")
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		// … the service's own rows …
		_, err := store.Append(ctx, tx, invoice, eventstore.NoStream,
			contrail.NewEvent(InvoiceDrafted{Total: "19.80"}), contrail.NewEvent(InvoiceIssued{}))
		return err
	})
	fmt.Println("committed:", err)

	for event, err := range store.Load(ctx, pool, invoice, 1) {
		fmt.Println(event.Version, event.Type, string(event.Data), err)
	}

	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := store.Append(ctx, tx, invoice, eventstore.Exactly(1), contrail.NewEvent(InvoiceIssued{}))
		return err
	})
	var conflict *eventstore.ConflictError
	fmt.Println(errors.As(err, &conflict), err)
	// Output:
	// committed: <nil>
	// 1 InvoiceDrafted {"total": "19.80"} <nil>
	// 2 InvoiceIssued {} <nil>
	// true append to invoice-42: stream invoice-42: expected version 1, but it is at version 2
}

func ExampleFeed() {
	ctx := context.Background()
	pool, closeAll := exampleStore(ctx)
	defer closeAll()
	// Any other program may insert as well, in one statement or by COPY.
	_, err := pool.Exec(ctx, `INSERT INTO contrail.events (stream, version, type, data)
		SELECT 'invoice-' || n, 1, 'InvoiceDrafted', '{}' FROM generate_series(1, 3) n`)
	if err != nil {
		panic(err)
	}

	conn, err := pgx.ConnectConfig(ctx, pool.Config().ConnConfig)
	if err != nil {
		panic(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	feed, err := eventstore.NewFeed(conn, eventstore.FeedConfig{BatchEvents: 2})
	if err != nil {
		panic(err)
	}
	for {
		events, err := feed.Next(ctx)
		if err != nil || len(events) == 0 {
			break
		}
		for _, event := range events {
			fmt.Println(event.Position, event.Stream, event.Type)
		}
	}
	// Output:
	// 1 invoice-1 InvoiceDrafted
	// 2 invoice-2 InvoiceDrafted
	// 3 invoice-3 InvoiceDrafted
}

func ExampleStore_Read() {
	ctx := context.Background()
	pool, closeAll := exampleStore(ctx)
	defer closeAll()
	_, err := pool.Exec(ctx, `INSERT INTO contrail.events (stream, version, type, data, metadata) VALUES
		('invoice-1', 1, 'InvoiceDrafted', '{}', '{"correlation_id":"request-7"}'), ('contact-1', 1, 'ContactCreated', '{}', '{}'),
		('invoice-2', 1, 'InvoiceDrafted', '{}', '{}'), ('invoice-1', 2, 'InvoiceIssued', '{}', '{"correlation_id":"request-7"}')`)
	if err != nil {
		panic(err)
	}
	store, err := eventstore.New(eventstore.Config{})
	if err != nil {
		panic(err)
	}
	show := func(title string, query eventstore.Query) {
		fmt.Println(title)
		for event, err := range store.Read(ctx, pool, query) {
			if err != nil {
				panic(err)
			}
			fmt.Println(" ", event.Position, event.Stream, event.Type)
		}
	}
	show("a category", eventstore.Query{Category: "invoice"})
	show("everything above position 2", eventstore.Query{After: 2})
	show("what one request set off", eventstore.Query{CorrelationID: "request-7"})
	show("the newest", eventstore.Query{Backwards: true, Limit: 1})
	// Output:
	// a category
	//   1 invoice-1 InvoiceDrafted
	//   3 invoice-2 InvoiceDrafted
	//   4 invoice-1 InvoiceIssued
	// everything above position 2
	//   3 invoice-2 InvoiceDrafted
	//   4 invoice-1 InvoiceIssued
	// what one request set off
	//   1 invoice-1 InvoiceDrafted
	//   4 invoice-1 InvoiceIssued
	// the newest
	//   4 invoice-1 InvoiceIssued
}

func ExampleStore_LoadBackwards() {
	ctx := context.Background()
	pool, closeAll := exampleStore(ctx)
	defer closeAll()
	_, err := pool.Exec(ctx, `INSERT INTO contrail.events (stream, version, type, data)
		SELECT 'invoice-42', n, 'InvoiceUpdated', '{}' FROM generate_series(1, 9) n`)
	if err != nil {
		panic(err)
	}
	store, err := eventstore.New(eventstore.Config{})
	if err != nil {
		panic(err)
	}
	for event, err := range store.LoadBackwards(ctx, pool, contrail.NewStreamID("invoice", "42"), 0) {
		if err != nil || event.Version < 8 {
			break
		}
		fmt.Println(event.Version)
	}
	// Output:
	// 9
	// 8
}

// ContactRegistered is about a person, whose data can be made unreadable.
type ContactRegistered struct {
	ID    string `json:"id"`
	Email string `json:"email"`
}

func (ContactRegistered) EventType() string { return "ContactRegistered" }

func (c ContactRegistered) DataSubject() string { return "contact-" + c.ID }

func ExampleStore_Append_personalData() {
	ctx := context.Background()
	pool, closeAll := exampleStore(ctx)
	defer closeAll()
	keks, err := erasure.ParseKEKs("2026-11:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=") // from configuration, and not this one
	if err != nil {
		panic(err)
	}
	keyring, err := erasure.NewKeyring(keks...)
	if err != nil {
		panic(err)
	}
	store, err := eventstore.New(eventstore.Config{Keys: keyring})
	if err != nil {
		panic(err)
	}
	keys, err := erasure.NewKeys(pool, keyring, erasure.Config{})
	if err != nil {
		panic(err)
	}

	contact := contrail.NewStreamID("contact", "7")
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := store.Append(ctx, tx, contact, eventstore.NoStream, contrail.NewEvent(ContactRegistered{"7", "ada@example.org"}))
		return err
	})
	fmt.Println("committed:", err)
	show := func() {
		for event, err := range store.Load(ctx, pool, contact, 1) {
			fmt.Println(event.Type, string(event.Data), event.Erased, err)
		}
	}
	show()
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := keys.Erase(ctx, tx, "contact-7")
		return err
	})
	fmt.Println("erased:", err)
	show()
	// Output:
	// committed: <nil>
	// ContactRegistered {"id":"7","email":"ada@example.org"} false <nil>
	// erased: <nil>
	// ContactRegistered null true <nil>
}
