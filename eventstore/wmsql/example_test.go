package wmsql_test

import (
	"context"
	stdsql "database/sql"
	"fmt"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/wmsql"
	"github.com/contrail-events/contrail/internal/localstack"
)

// exampleDB is a migrated database on a server of its own.
func exampleDB(ctx context.Context) (db *stdsql.DB, closeAll func()) {
	server, err := localstack.StartPostgres(ctx, localstack.PostgresConfig{})
	if err != nil {
		panic(err)
	}
	pool, err := pgxpool.New(ctx, server.URL())
	if err != nil {
		panic(err)
	}
	if _, err := eventstore.Migrate(ctx, pool); err != nil {
		panic(err)
	}
	db = stdlib.OpenDBFromPool(pool)
	return db, func() { _ = db.Close(); pool.Close(); _ = server.Close() }
}

// publish is what a service does: its own rows and the message, in one transaction.
func publish(ctx context.Context, db *stdsql.DB, schema *wmsql.SchemaAdapter) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	// … the service's own rows …
	publisher, err := sql.NewPublisher(tx, sql.PublisherConfig{SchemaAdapter: schema}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	msg := message.NewMessage("0192d0a4-7c1e-7000-8000-000000000001", []byte(`{"total": "19.80"}`))
	msg.Metadata.Set(wmsql.KeyStream, "invoice-42")
	msg.Metadata.Set(wmsql.KeyType, "InvoiceDrafted")
	if err := publisher.Publish("invoice", msg); err != nil {
		return err
	}
	return tx.Commit()
}

func Example() {
	ctx := context.Background()
	db, closeAll := exampleDB(ctx)
	defer closeAll()
	schema, err := wmsql.NewSchemaAdapter(wmsql.Config{})
	if err != nil {
		panic(err)
	}
	if err := publish(ctx, db, schema); err != nil {
		panic(err)
	}

	subscriber, err := sql.NewSubscriber(db, sql.SubscriberConfig{
		ConsumerGroup: "mailer", SchemaAdapter: schema, OffsetsAdapter: wmsql.OffsetsAdapter{},
	}, watermill.NopLogger{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = subscriber.Close() }()
	messages, err := subscriber.Subscribe(ctx, "invoice")
	if err != nil {
		panic(err)
	}
	msg := <-messages
	fmt.Println(msg.UUID, string(msg.Payload))
	fmt.Println(msg.Metadata[wmsql.KeyStream], msg.Metadata[wmsql.KeyVersion], msg.Metadata[wmsql.KeyType])
	msg.Ack()
	// Output:
	// 0192d0a4-7c1e-7000-8000-000000000001 {"total": "19.80"}
	// invoice-42 1 InvoiceDrafted
}

// A subscriber reads what the event store's own Append has written, too. Here a topic is an event type.
func ExampleByType() {
	ctx := context.Background()
	db, closeAll := exampleDB(ctx)
	defer closeAll()
	_, err := db.ExecContext(ctx, `INSERT INTO contrail.events (stream, version, type, data) VALUES
		('invoice-42', 1, 'InvoiceDrafted', '{}'), ('invoice-42', 2, 'InvoiceIssued', '{}')`)
	if err != nil {
		panic(err)
	}
	schema, err := wmsql.NewSchemaAdapter(wmsql.Config{Topic: wmsql.ByType})
	if err != nil {
		panic(err)
	}
	subscriber, err := sql.NewSubscriber(db, sql.SubscriberConfig{
		ConsumerGroup: "mailer", SchemaAdapter: schema, OffsetsAdapter: wmsql.OffsetsAdapter{},
	}, watermill.NopLogger{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = subscriber.Close() }()
	messages, err := subscriber.Subscribe(ctx, "InvoiceIssued")
	if err != nil {
		panic(err)
	}
	msg := <-messages
	msg.Ack()
	event, err := wmsql.Recorded(msg)
	fmt.Println(event.Position, event.Stream, event.Version, event.Type, err)

	// What the handler appends is caused by the event.
	causation := contrail.MetadataFrom(contrail.CausedBy(ctx, event))[contrail.KeyCausationID]
	fmt.Println(causation == msg.UUID)
	// Output:
	// 2 invoice-42 2 InvoiceIssued <nil>
	// true
}
