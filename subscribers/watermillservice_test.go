package subscribers_test

import (
	stdsql "database/sql"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/wmsql"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers"
)

// service is one that uses Watermill at both ends: it publishes to the event store inside its transactions, and consumes what the relay makes of it.
type service struct {
	world

	db *stdsql.DB
}

func newService(t *testing.T) *service {
	t.Helper()
	pool := pgtest.New(t)
	s := &service{db: stdlib.OpenDBFromPool(pool)}
	s.js, s.server = natstest.JetStream(t)
	t.Cleanup(func() { require.NoError(t, s.db.Close()) })
	relay, err := publisher.NewRelay(pool, s.js, publisher.Config{})
	require.NoError(t, err)
	run(t, relay)
	return s
}

// publisher is Watermill's own, on the event store.
func (s *service) publisher(tb testing.TB, tx sql.ContextExecutor) message.Publisher {
	tb.Helper()
	schema, err := wmsql.NewSchemaAdapter(wmsql.Config{})
	require.NoError(tb, err)
	made, err := sql.NewPublisher(tx, sql.PublisherConfig{SchemaAdapter: schema}, watermill.NopLogger{})
	require.NoError(tb, err)
	return made
}

// publish is one transaction.
func (s *service) publish(tb testing.TB, topic string, messages ...*message.Message) {
	tb.Helper()
	tx, err := s.db.BeginTx(tb.Context(), nil)
	require.NoError(tb, err)
	require.NoError(tb, s.publisher(tb, tx).Publish(topic, messages...))
	require.NoError(tb, tx.Commit())
}

// What was published arrives as it was, and says what event it is; a message to two topics is two events with one UUID.
func TestWatermillMessageComesBack(t *testing.T) {
	t.Parallel()
	s := newService(t)
	msg := message.NewMessage("not a UUID", []byte(`{"total": "19.80"}`))
	msg.Metadata = message.Metadata{"name": "invoice.Issued", "X-Header": "kept", "contrail_type": "InvoiceIssued", "order_id": "7"}
	s.publish(t, "invoice", msg)
	s.publish(t, "payment-7", msg)
	subscriber := s.subscriber(t, subscribers.Config{})
	for topic, stream := range map[string]string{"invoice": "invoice-default", "payment": "payment-7"} {
		got := take(t, listen(t, subscriber, topic))
		event, ok := subscribers.DeliveredMessage(got)
		require.True(t, ok)
		require.Equal(t, msg.UUID, got.UUID)
		require.JSONEq(t, string(msg.Payload), string(got.Payload))
		require.Equal(t, message.Metadata{
			"name": "invoice.Issued", "X-Header": "kept", "orderid": "7", // CloudEvents' attributes have no underscores
			"contrail_type": "InvoiceIssued", "contrail_stream": stream, "contrail_version": "1",
			"contrail_id": event.ID.String(), "contrail_position": got.Metadata["contrail_position"],
			"contrail_recorded_at": event.RecordedAt.Format(time.RFC3339Nano),
		}, got.Metadata)
		around := contrail.MetadataFrom(got.Context())
		require.Equal(t, event.ID.String(), around[contrail.KeyCausationID])
		got.Ack()
	}
}
