package wmsql_test

import (
	stdsql "database/sql"
	"strings"
	"sync"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/wmsql"
)

// eventOf is where the event of a message stands.
const eventOf = `SELECT stream || ' ' || version || ' ' || type FROM contrail.events WHERE id = $1`

// Metadata comes first, then the functions of the Config, then the topic.
func TestWhereAMessageGoes(t *testing.T) {
	t.Parallel()
	byMessage := wmsql.Config{
		Stream: func(_ string, msg *message.Message) contrail.StreamID {
			return contrail.NewStreamID("invoice", msg.Metadata.Get("of"))
		},
		Type: func(topic string, _ *message.Message) string { return "Of_" + topic },
	}
	everything := wmsql.Config{Topic: wmsql.Everything}
	byType := wmsql.Config{Topic: wmsql.ByType}
	for _, test := range []struct {
		name, topic string
		cfg         wmsql.Config
		metadata    message.Metadata
		want        string
	}{
		{"a category", "invoice", wmsql.Config{}, nil, "invoice-default 1 WatermillMessage"},
		{"a stream", "invoice-42", wmsql.Config{}, nil, "invoice-42 1 WatermillMessage"},
		{"dots", "events.invoice", wmsql.Config{}, nil, "events_invoice-default 1 WatermillMessage"},
		{"dots and dashes", "a.$:b-c-d.e", wmsql.Config{}, nil, "a___b-c-d_e 1 WatermillMessage"},
		{"a name", "invoice", wmsql.Config{}, message.Metadata{"name": "*billing.Issued"}, "invoice-default 1 Issued"},
		{"metadata", "invoice", byMessage, message.Metadata{wmsql.KeyStream: "invoice-7", wmsql.KeyType: "Paid"}, "invoice-7 1 Paid"},
		{"functions", "invoice", byMessage, message.Metadata{"of": "8", "name": "Issued"}, "invoice-8 1 Of_invoice"},
		{"everything, dots", "my.audit", everything, nil, "my_audit-default 1 WatermillMessage"},
		{"everything", "audit", everything, nil, "audit-default 1 WatermillMessage"},
		{"everything, a stream", "audit-1", everything, message.Metadata{wmsql.KeyStream: "invoice-9"}, "invoice-9 1 WatermillMessage"},
		{"a type", "billing.Issued", byType, nil, "billing_Issued-default 1 Issued"},
		{"a type, a stream", "Issued", byType, message.Metadata{wmsql.KeyStream: "invoice-10"}, "invoice-10 1 Issued"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			db := open(t, "pgx")
			msg := numbered(1)
			msg.Metadata = test.metadata
			messages := subscribe(t, db, test.topic, "mailer", test.cfg)
			require.NoError(t, newPublisher(t, db, test.cfg).Publish(test.topic, msg))
			require.Equal(t, test.want, ask[string](t, db, eventOf, msg.UUID))
			require.Equal(t, msg.UUID, next(t, messages).UUID, "whatever the topic, its subscribers get it")
		})
	}
}

func TestWhatCannotBeStored(t *testing.T) {
	t.Parallel()
	small := wmsql.Config{MaxEventBytes: 100}
	for _, test := range []struct {
		name, topic, payload, want string
		cfg                        wmsql.Config
		metadata                   message.Metadata
	}{
		{name: "not JSON", topic: "invoice", payload: "x", want: `payload for event type "WatermillMessage" is not JSON; wmsql.Config.AnyPayload`},
		{name: "empty", topic: "invoice", want: "is not JSON"},
		{name: "NUL", topic: "invoice", payload: `{"a":"\u0000"}`, want: "jsonb cannot hold"},
		{
			name: "stream of another topic", topic: "invoice", payload: "1", metadata: message.Metadata{wmsql.KeyStream: "payment-1"},
			want: `stream "payment-1" is not of topic "invoice"`,
		},
		{name: "no stream", topic: "invoice", payload: "1", metadata: message.Metadata{wmsql.KeyStream: "invoice"}, want: "has no '-'"},
		{
			name: "type of another topic", topic: "Issued", payload: "1", cfg: wmsql.Config{Topic: wmsql.ByType},
			metadata: message.Metadata{wmsql.KeyType: "Paid"}, want: `event type "Paid" is not of topic "Issued"`,
		},
		{name: "no type", topic: "invoice", payload: "1", metadata: message.Metadata{"name": "invoice-issued"}, want: "wmsql.Config.Type"},
		{name: "no topic", payload: "1", want: `topic "" is empty`},
		{name: "long topic", topic: strings.Repeat("a", 201), payload: "1", want: "longer than 200 bytes"},
		{
			name: "torn filter", topic: "invoice", payload: "1", want: "is not of category",
			cfg: wmsql.Config{Topic: func(string) wmsql.Filter {
				return wmsql.Filter{Category: "invoice", Stream: contrail.NewStreamID("payment", "1")}
			}},
		},
		{name: "metadata not UTF-8", topic: "invoice", payload: "1", metadata: message.Metadata{"a": "\xff"}, want: "not UTF-8"},
		{name: "large", topic: "invoice", payload: `"` + strings.Repeat("x", 99) + `"`, cfg: small, want: "101 bytes of data and metadata, more than the 100"},
		{name: "large number", topic: "invoice", payload: "1e101", cfg: small, want: "more than the 100"},
		{name: "large metadata", topic: "invoice", payload: "1", metadata: message.Metadata{"a": strings.Repeat("x", 100)}, cfg: small, want: "more than the 100"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			msg := message.NewMessage(watermill.NewUUID(), []byte(test.payload))
			msg.Metadata = test.metadata
			_, err := newSchema(t, test.cfg).InsertQuery(test.topic, message.Messages{msg})
			require.ErrorIs(t, err, contrail.ErrInvalid)
			require.ErrorContains(t, err, test.want)
			var invalid *contrail.InvalidError
			require.ErrorAs(t, err, &invalid)
		})
	}
}

// What InsertQuery takes at the edge of what jsonb holds, PostgreSQL takes too, as deep as it then stands in the batch.
func TestWhatCanJustBeStored(t *testing.T) {
	t.Parallel()
	db := open(t, "pgx")
	for _, payload := range []string{
		`1e131071`, `1e-16383`, `"\\u0000"`, `"\ud83d\ude00"`, strings.Repeat("[", 10000) + strings.Repeat("]", 10000),
		strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000),
	} {
		msg := message.NewMessage(watermill.NewUUID(), []byte(payload))
		require.NoError(t, newPublisher(t, db, wmsql.Config{}).Publish("invoice", msg), "%.40q", payload)
		size := ask[int](t, db, `SELECT octet_length(data::text) FROM contrail.events WHERE id = $1`, msg.UUID)
		_, err := newSchema(t, wmsql.Config{MaxEventBytes: size - 1}).InsertQuery("invoice", message.Messages{msg})
		require.ErrorIs(t, err, contrail.ErrInvalid, "%.40q takes %d bytes", payload, size)
	}
}

// The stock publisher hands the error on, and has not touched the transaction.
func TestTransactionIsGoodAfterARefusal(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			db := open(t, driver)
			inTx(t, db, func(tx *stdsql.Tx) {
				publisher := newPublisher(t, tx, wmsql.Config{})
				require.ErrorIs(t, publisher.Publish("invoice", message.NewMessage("1", []byte("x"))), contrail.ErrInvalid)
				require.NoError(t, publisher.Publish("invoice", numbered(1)))
			})
			require.Equal(t, 1, ask[int](t, db, `SELECT count(*) FROM contrail.events`))
		})
	}
}

func TestNewSchemaAdapterNamesEveryFault(t *testing.T) {
	t.Parallel()
	_, err := wmsql.NewSchemaAdapter(wmsql.Config{BatchEvents: -1, MaxEventBytes: -2})
	require.EqualError(t, err, "wmsql.Config: BatchEvents is -1, must not be negative\nwmsql.Config: MaxEventBytes is -2, must not be negative")
}

// A repeated publish is recognised, be the UUID one or not, and so is one to a second topic.
func TestRepeatedPublish(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]string{
		"UUID": watermill.NewUUID(), "capitals": strings.ToUpper(watermill.NewUUID()), "ULID": watermill.NewULID(),
		"short": watermill.NewShortUUID(), "number": "1", "words": "ein \u00dcberweisungs-\"Auftrag\"",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, "postgres")
			publisher := newPublisher(t, db, wmsql.Config{})
			other := numbered(1)
			for range 2 {
				require.NoError(t, publisher.Publish("invoice", message.NewMessage(id, []byte(`{"a": 1}`)), other))
				require.NoError(t, publisher.Publish("payment", message.NewMessage(id, []byte(`{"a": 1}`))))
			}
			require.Equal(t, 3, ask[int](t, db, `SELECT count(*) FROM contrail.events`))
			for _, topic := range []string{"invoice", "payment"} {
				require.ErrorContains(t, publisher.Publish(topic, message.NewMessage(id, []byte("2"))), "with another type or other data")
				require.Equal(t, id, next(t, subscribe(t, db, topic, "mailer", wmsql.Config{})).UUID)
			}
			if given, err := uuid.Parse(id); err == nil {
				require.Equal(t, "invoice-default 1 WatermillMessage", ask[string](t, db, eventOf, given))
			}
		})
	}
}

// Messages that name nothing are all different.
func TestNoUUID(t *testing.T) {
	t.Parallel()
	db := open(t, "pgx")
	for _, id := range []string{"", uuid.Nil.String()} {
		require.NoError(t, newPublisher(t, db, wmsql.Config{}).Publish("invoice", message.NewMessage(id, []byte("1")), message.NewMessage(id, []byte("1"))))
	}
	messages := subscribe(t, db, "invoice", "mailer", wmsql.Config{})
	require.Equal(t, []string{"", "", uuid.Nil.String(), uuid.Nil.String()}, take(t, messages, 4).IDs())
}

// Many publish to one stream at once: each waits for its turn, none fails, and the versions have no gap.
func TestPublishersOfOneStreamQueue(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			db := open(t, driver)
			publisher := newPublisher(t, db, wmsql.Config{})
			const publishers, each = 16, 20
			var publishing sync.WaitGroup
			for range publishers {
				publishing.Go(func() {
					for n := range each {
						if err := publisher.Publish("invoice", numbered(n), numbered(n)); err != nil {
							t.Errorf("publish: %v", err)
						}
					}
				})
			}
			publishing.Wait()
			require.Equal(t, "640 640 t", ask[string](t, db, `SELECT concat_ws(' ', count(*), max(version),
				(SELECT bool_and(rising) FROM (SELECT version = row_number() OVER (ORDER BY position) AS rising FROM contrail.events) e)) FROM contrail.events`))
		})
	}
}

// A message that was received is published again: by a poison queue, to another topic, and from there by a requeuer, back to where it was. Each
// is an event of its own, once.
func TestReceivedMessageIsPublishedAgain(t *testing.T) {
	t.Parallel()
	db := open(t, "pgx")
	invoices, poison := subscribe(t, db, "invoice", "mailer", wmsql.Config{}), subscribe(t, db, "poison", "mailer", wmsql.Config{})
	publisher := newPublisher(t, db, wmsql.Config{})
	first := numbered(1)
	first.Metadata = message.Metadata{"name": "invoice.Issued", "Poisoned-By": "nobody"}
	require.NoError(t, publisher.Publish("invoice", first))

	received := next(t, invoices)
	require.NoError(t, publisher.Publish("poison", received.Copy(), received.Copy()))
	poisoned := next(t, poison)
	require.Equal(t, "poison-default", poisoned.Metadata.Get(wmsql.KeyStream))
	require.NoError(t, publisher.Publish("invoice", poisoned.Copy(), poisoned.Copy()))
	again := next(t, invoices)
	require.Equal(t, "2", again.Metadata.Get(wmsql.KeyVersion))
	for _, msg := range []*message.Message{received, poisoned, again} {
		require.Equal(t, first.UUID, msg.UUID)
		require.Equal(t, first.Payload, msg.Payload)
		require.Equal(t, "Issued", msg.Metadata.Get(wmsql.KeyType))
		require.Equal(t, "nobody", msg.Metadata.Get("Poisoned-By"))
	}
	requireSilence(t, invoices)
	requireSilence(t, poison)

	byType := wmsql.Config{Topic: wmsql.ByType}
	require.NoError(t, newPublisher(t, db, byType).Publish("Poisoned", received.Copy()))
	renamed := next(t, subscribe(t, db, "Poisoned", "mailer", byType))
	require.Equal(t, "Poisoned", renamed.Metadata.Get(wmsql.KeyType))
	require.Equal(t, first.UUID, renamed.UUID)
}
