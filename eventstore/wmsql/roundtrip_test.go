package wmsql_test

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"maps"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/wmsql"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// ownKeys are what a received message has besides what was published.
var ownKeys = []string{
	wmsql.KeyID, wmsql.KeyStream, wmsql.KeyVersion, wmsql.KeyType, wmsql.KeyPosition, wmsql.KeyRecordedAt,
}

func withoutOwn(tb testing.TB, metadata message.Metadata) message.Metadata {
	tb.Helper()
	published := maps.Clone(metadata)
	for _, key := range ownKeys {
		require.NotEmpty(tb, metadata[key], key)
		delete(published, key)
	}
	return published
}

// Whatever a message has for a UUID, keys and values comes back exactly; so does any payload, where any is taken.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	db := open(t, "pgx")
	cfg := wmsql.Config{AnyPayload: true}
	messages, publisher := subscribe(t, db, "invoice", "mailer", cfg), newPublisher(t, db, cfg)
	keys := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"correlation_id", "correlationid", "X-Foo", "_watermill_requeuer_retries", "id", "type", "key_id", "name_", "na_me",
		"watermill_uuid", "watermill_metadata", "watermill_payload", "watermilluuid", "", "traceparent",
	}))
	payloads := rapid.OneOf(rapid.SliceOf(rapid.Byte()), rapid.SampledFrom([][]byte{
		[]byte(`1`), []byte(`"x"`), []byte(`"\u0000"`), []byte(`1e200000`), []byte("\"\xff\""), nil, []byte("\"AA==\""),
	}))
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.OneOf(rapid.Just(watermill.NewUUID()), rapid.StringMatching(`[^\x00]{1,40}`))
		msg := message.NewMessage(ids.Draw(t, "uuid")+watermill.NewShortUUID(), payloads.Draw(t, "payload"))
		if rapid.Bool().Draw(t, "uuid alone") {
			msg.UUID = watermill.NewUUID()
		}
		msg.Metadata = rapid.MapOfN(keys, rapid.String(), 0, 6).Draw(t, "metadata")
		require.NoError(t, publisher.Publish("invoice", msg))
		received := next(t, messages)
		require.Equal(t, msg.UUID, received.UUID)
		require.Equal(t, string(msg.Payload), string(received.Payload))
		for _, key := range ownKeys {
			require.NotEmpty(t, received.Metadata[key], key)
			delete(received.Metadata, key)
		}
		require.Equal(t, msg.Metadata, received.Metadata)
	})
}

// JSON comes back as jsonb writes it: the same value in other words.
func TestPayloadIsNormalised(t *testing.T) {
	t.Parallel()
	db := open(t, "pgx")
	messages := subscribe(t, db, "invoice", "mailer", wmsql.Config{})
	given := `{"b":1,  "a":[1.50, 1e3, "\u00fc<"]}`
	require.NoError(t, newPublisher(t, db, wmsql.Config{AnyPayload: true}).Publish("invoice", message.NewMessage("1", []byte(given))))
	require.Equal(t, []string{`{"a": [1.50, 1000, "ü<"], "b": 1}`}, payloads(take(t, messages, 1)))
}

// What another program appends comes as a message that tells all there is to know of it, and is an event again when asked.
func TestAppendedEventsAreMessages(t *testing.T) {
	t.Parallel()
	db := open(t, "postgres")
	var recorded []contrail.Recorded
	inTx(t, db, func(tx *stdsql.Tx) {
		recorded = appendSQL(t, tx, "invoice-42",
			contrail.Event{Type: "InvoiceDrafted", Data: json.RawMessage(`{"total": "19.80"}`), Metadata: contrail.Metadata{"tenant_id": "acme"}},
			contrail.Event{Type: "InvoiceIssued", Data: json.RawMessage(`{}`)})
		appendSQL(t, tx, "payment-7", contrail.Event{Type: "PaymentReceived", Data: json.RawMessage(`{}`)})
	})
	for topic, messages := range map[string]<-chan *message.Message{
		"invoice":       subscribe(t, db, "invoice", "mailer", wmsql.Config{}),
		"invoice-42":    subscribe(t, db, "invoice-42", "mailer", wmsql.Config{}),
		"InvoiceIssued": subscribe(t, db, "InvoiceIssued", "mailer", wmsql.Config{Topic: wmsql.ByType}),
		"all":           subscribe(t, db, "all", "mailer", wmsql.Config{Topic: wmsql.Everything}),
	} {
		want := map[string][]int{"invoice": {1, 2}, "invoice-42": {1, 2}, "InvoiceIssued": {2}, "all": {1, 2, 3}}[topic]
		received := take(t, messages, len(want))
		requireSilence(t, messages)
		for i, msg := range received {
			if want[i] == 3 {
				continue
			}
			event := recorded[want[i]-1]
			require.Equal(t, event.ID.String(), msg.UUID)
			require.JSONEq(t, string(event.Data), string(msg.Payload))
			again, err := wmsql.Recorded(msg)
			require.NoError(t, err)
			event.Data, again.Data = nil, nil
			require.Equal(t, event, again)
		}
	}
}

func TestRecordedOfAForeignMessage(t *testing.T) {
	t.Parallel()
	_, err := wmsql.Recorded(numbered(1))
	require.ErrorIs(t, err, contrail.ErrInvalid)
	require.ErrorContains(t, err, wmsql.KeyRecordedAt)
}

// What another program has written under this package's keys is left as it is.
func TestKeysOfThisPackageInForeignEvents(t *testing.T) {
	t.Parallel()
	db := open(t, "pgx")
	inTx(t, db, func(tx *stdsql.Tx) {
		appendSQL(t, tx, "invoice-1", contrail.Event{Type: "A", Data: json.RawMessage(`{}`), Metadata: contrail.Metadata{
			"watermill_metadata": "not JSON", "watermill_payload": "base64",
		}})
	})
	msg := next(t, subscribe(t, db, "invoice", "mailer", wmsql.Config{}))
	require.JSONEq(t, `{}`, string(msg.Payload))
	require.Equal(t, message.Metadata{"watermill_metadata": "not JSON"}, withoutOwn(t, msg.Metadata))
}

// What ctx knows goes along, as with an append; the message's own metadata comes first.
func TestMetadataOfTheContext(t *testing.T) {
	t.Parallel()
	db := open(t, "pgx")
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	ctx := trace.ContextWithSpanContext(contrail.WithMetadata(t.Context(), contrail.Metadata{"tenant_id": "acme", "correlation_id": "1"}), span)
	plain, traced := numbered(1), numbered(2)
	plain.SetContext(ctx)
	plain.Metadata.Set("correlation_id", "2")
	traced.SetContext(ctx)
	traced.Metadata.Set("traceparent", "mine")
	require.NoError(t, newPublisher(t, db, wmsql.Config{}).Publish("invoice", plain, traced))
	received := take(t, subscribe(t, db, "invoice", "mailer", wmsql.Config{}), 2)
	require.Equal(t, message.Metadata{
		"tenant_id": "acme", "correlation_id": "2", "traceparent": "00-01000000000000000000000000000000-0200000000000000-00",
	}, withoutOwn(t, received[0].Metadata))
	require.Equal(t, message.Metadata{"tenant_id": "acme", "correlation_id": "1", "traceparent": "mine"}, withoutOwn(t, received[1].Metadata))
}

// The relay's feed sees what was published, in the order of publishing.
func TestFeedReadsPublishedMessages(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	db := stdlib.OpenDBFromPool(pool)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	inTx(t, db, func(tx *stdsql.Tx) {
		publisher := newPublisher(t, tx, wmsql.Config{})
		require.NoError(t, publisher.Publish("invoice-2", numbered(1), numbered(2)))
		appendSQL(t, tx, "invoice-1", contrail.Event{Type: "A", Data: json.RawMessage("3")})
		require.NoError(t, publisher.Publish("invoice-1", numbered(4)))
	})
	conn, err := pool.Acquire(context.WithoutCancel(t.Context()))
	require.NoError(t, err)
	defer conn.Release()
	feed, err := eventstore.NewFeed(conn.Conn(), eventstore.FeedConfig{})
	require.NoError(t, err)
	events, err := feed.Next(t.Context())
	require.NoError(t, err)
	var read []string
	for _, event := range events {
		read = append(read, event.Stream.String()+" "+string(event.Data))
	}
	require.Equal(t, []string{"invoice-2 1", "invoice-2 2", "invoice-1 3", "invoice-1 4"}, read)
}
