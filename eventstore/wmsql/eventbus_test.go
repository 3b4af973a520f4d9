package wmsql_test

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/components/cqrs"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/wmsql"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// InvoiceIssued is an event as users of Watermill's CQRS component write theirs.
type InvoiceIssued struct {
	InvoiceID string `json:"invoice_id"`
	Total     string `json:"total"`
}

// newEventBus is one that publishes in tx, each event to the stream of its invoice.
func newEventBus(tx *stdsql.Tx, marshaler cqrs.JSONMarshaler) (*cqrs.EventBus, error) {
	schema, err := wmsql.NewSchemaAdapter(wmsql.Config{})
	if err != nil {
		return nil, err
	}
	publisher, err := sql.NewPublisher(tx, sql.PublisherConfig{SchemaAdapter: schema}, watermill.NopLogger{})
	if err != nil {
		return nil, err
	}
	return cqrs.NewEventBusWithConfig(publisher, cqrs.EventBusConfig{
		Marshaler:            marshaler,
		GeneratePublishTopic: func(cqrs.GenerateEventPublishTopicParams) (string, error) { return "invoice", nil },
		OnPublish: func(params cqrs.OnEventSendParams) error {
			issued, ok := params.Event.(InvoiceIssued)
			if !ok {
				return fmt.Errorf("no stream for a %T", params.Event)
			}
			params.Message.Metadata.Set(wmsql.KeyStream, "invoice-"+issued.InvoiceID)
			return nil
		},
	})
}

var errRefused = errors.New("refused")

// issue writes the service's own row and publishes the event, in one transaction that fails if it is told to.
func issue(ctx context.Context, db *stdsql.DB, marshaler cqrs.JSONMarshaler, invoice string, failure error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, `INSERT INTO invoices (id) VALUES ($1)`, invoice); err != nil {
		return err
	}
	bus, err := newEventBus(tx, marshaler)
	if err != nil {
		return err
	}
	if err := bus.Publish(ctx, InvoiceIssued{InvoiceID: invoice, Total: "19.80"}); err != nil {
		return err
	}
	if failure != nil {
		return failure
	}
	return tx.Commit()
}

func loadAll(tb testing.TB, pool *pgxpool.Pool, stream contrail.StreamID) (events []contrail.Recorded) {
	tb.Helper()
	store, err := eventstore.New(eventstore.Config{})
	require.NoError(tb, err)
	for event, err := range store.Load(tb.Context(), pool, stream, 1) {
		require.NoError(tb, err)
		events = append(events, event)
	}
	return events
}

// What the event bus publishes inside a transaction is an event of its aggregate once that commits, and nothing if it does not; whatever
// name the marshaler gives it.
func TestEventBusInTransaction(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers {
		for name, generate := range map[string]func(any) string{"StructName": cqrs.StructName, "FullyQualified": nil} {
			t.Run(driver+" "+name, func(t *testing.T) {
				t.Parallel()
				pool := pgtest.New(t)
				db, err := stdsql.Open(driver, pool.Config().ConnString())
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, db.Close()) })
				_, err = db.ExecContext(t.Context(), `CREATE TABLE invoices (id text PRIMARY KEY)`)
				require.NoError(t, err)
				marshaler := cqrs.JSONMarshaler{GenerateName: generate}
				ctx := contrail.WithMetadata(t.Context(), contrail.Metadata{contrail.KeyTenantID: "acme"})

				require.NoError(t, issue(ctx, db, marshaler, "42", nil))
				require.ErrorIs(t, issue(ctx, db, marshaler, "43", errRefused), errRefused)

				events := loadAll(t, pool, contrail.NewStreamID("invoice", "42"))
				require.Len(t, events, 1)
				require.Equal(t, "InvoiceIssued", events[0].Type)
				require.EqualValues(t, 1, events[0].Version)
				require.NotEqual(t, uuid.Nil, events[0].ID)
				require.JSONEq(t, `{"invoice_id": "42", "total": "19.80"}`, string(events[0].Data))
				published := InvoiceIssued{}
				require.Equal(t, contrail.Metadata{"name": marshaler.Name(published), "tenant_id": "acme"}, events[0].Metadata)
				require.Empty(t, loadAll(t, pool, contrail.NewStreamID("invoice", "43")))
				require.Equal(t, "42", ask[string](t, db, `SELECT string_agg(id, ' ') FROM invoices`))
				require.Equal(t, 1, ask[int](t, db, `SELECT count(*) FROM contrail.events`))

				msg := next(t, subscribe(t, db, "invoice", "mailer", wmsql.Config{}))
				require.NoError(t, marshaler.Unmarshal(msg, &published))
				require.Equal(t, InvoiceIssued{InvoiceID: "42", Total: "19.80"}, published)
				require.Equal(t, marshaler.Name(published), marshaler.NameFromMessage(msg))
			})
		}
	}
}

// byType knows an event by its type, which every message tells, published by Watermill or not.
type byType struct{ cqrs.JSONMarshaler }

func (byType) NameFromMessage(msg *message.Message) string { return msg.Metadata.Get(wmsql.KeyType) }

// Watermill's event processor handles what the event store's own Append wrote.
func TestEventProcessorOfAppendedEvents(t *testing.T) {
	t.Parallel()
	db := open(t, "pgx")
	inTx(t, db, func(tx *stdsql.Tx) {
		appendSQL(t, tx, "invoice-42",
			contrail.Event{Type: "InvoiceDrafted", Data: json.RawMessage(`{}`)},
			contrail.Event{Type: "InvoiceIssued", Data: InvoiceIssued{InvoiceID: "42"}})
	})
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	require.NoError(t, err)
	processor, err := cqrs.NewEventProcessorWithConfig(router, cqrs.EventProcessorConfig{
		Marshaler:              byType{cqrs.JSONMarshaler{GenerateName: cqrs.StructName}},
		GenerateSubscribeTopic: func(cqrs.EventProcessorGenerateSubscribeTopicParams) (string, error) { return "invoice", nil },
		SubscriberConstructor: func(params cqrs.EventProcessorSubscriberConstructorParams) (message.Subscriber, error) {
			return newSubscriber(t, db, params.HandlerName, wmsql.Config{}), nil
		},
		AckOnUnknownEvent: true,
	})
	require.NoError(t, err)
	handled := make(chan InvoiceIssued, 1)
	require.NoError(t, processor.AddHandlers(cqrs.NewEventHandler("mailer", func(_ context.Context, issued *InvoiceIssued) error {
		handled <- *issued
		return nil
	})))
	ended := make(chan error, 1)
	go func() { ended <- router.Run(context.WithoutCancel(t.Context())) }()
	select {
	case issued := <-handled:
		require.Equal(t, "42", issued.InvoiceID)
	case <-time.After(patience):
		require.Fail(t, "the handler was not called")
	}
	require.NoError(t, router.Close())
	require.NoError(t, <-ended)
}
