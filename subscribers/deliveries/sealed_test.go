package deliveries_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
	"github.com/contrail-events/contrail/eventstore/erasure"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// sealedWorld is a ledger with keys, and a stream that its events are read back from.
type sealedWorld struct {
	*fixture

	js   jetstream.JetStream
	ring *erasure.Keyring
	keys *erasure.Keys
}

func newSealedWorld(t *testing.T) *sealedWorld {
	t.Helper()
	w := &sealedWorld{}
	pool := pgtest.New(t)
	w.js, _ = natstest.JetStream(t)
	_, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: wire.DefaultStream, Subjects: []string{"events.>"}})
	require.NoError(t, err)
	w.ring, err = erasure.NewKeyring(erasure.KEK{ID: "1", Key: [32]byte{1}})
	require.NoError(t, err)
	w.keys, err = erasure.NewKeys(pool, w.ring, erasure.Config{CacheTTL: -1})
	require.NoError(t, err)
	w.fixture = newFixtureOn(t, pool, func(config *deliveries.Config) {
		config.Events, config.Keys = deliveries.Stream(w.js, wire.DefaultStream), w.keys
	})
	return w
}

// sealed publishes an event about a person, and returns it as a handler gets it: opened.
func (w *sealedWorld) sealed(person string) deliveries.Event {
	w.Helper()
	opened := w.event()
	recorded := opened.Recorded
	recorded.Metadata = recorded.Metadata.With(contrail.KeySealedWith, "")
	require.NoError(w, pgx.BeginFunc(w.Context(), w.pool, func(tx pgx.Tx) error {
		keys, err := w.ring.KeysFor([]string{person}, func(statement string, args ...any) (erasure.Rows, error) {
			return tx.Query(w.Context(), statement, args...) //nolint:rowserrcheck,sqlclosecheck // KeysFor does both
		})
		key := keys[person]
		recorded.Data = key.Seal(recorded.ID, recorded.Stream, recorded.Type, recorded.Data)
		recorded.Metadata[contrail.KeySealedWith] = key.ID()
		return err
	}))
	opened.Metadata = recorded.Metadata
	w.publish(recorded)
	return opened
}

func (w *sealedWorld) publish(recorded contrail.Recorded) {
	w.Helper()
	_, err := w.js.Publish(w.Context(), "events.invoice.42.InvoiceIssued", wire.Append(nil, sourceOfTest, recorded))
	require.NoError(w, err)
}

// dump is all that the ledger holds, as text.
func (w *sealedWorld) dump() (text string) {
	w.Helper()
	require.NoError(w, w.pool.QueryRow(w.Context(), `SELECT concat_ws(' ',
  (SELECT string_agg(convert_from(coalesce(body, ''), 'UTF8') || e::text, ' ') FROM contrail.delivery_events AS e),
  (SELECT string_agg(d::text, ' ') FROM contrail.deliveries AS d), (SELECT string_agg(a::text, ' ') FROM contrail.delivery_attempts AS a),
  (SELECT string_agg(l::text, ' ') FROM contrail.delivery_log AS l))`).Scan(&text))
	return text
}

func (w *sealedWorld) seen() <-chan deliveries.Delivery {
	seen := make(chan deliveries.Delivery, 99)
	w.answer(func(_ context.Context, d deliveries.Delivery) (deliveries.Receipt, error) {
		seen <- d
		return deliveries.Receipt{}, nil
	})
	return seen
}

// The ledger keeps nothing of an event that is encrypted in its store, and adapters get it as if it had never been.
func TestSealedEventIsReadBack(t *testing.T) {
	t.Parallel()
	w := newSealedWorld(t)
	seen := w.seen()
	for _, sequence := range []uint64{0, 1, 7} { // not known, where it is, and wrong
		event := w.sealed("contact-42")
		event.Sequence = sequence
		require.NoError(t, w.ledger.Deliver(t.Context(), event, toAda()))
		d := got(t, seen)
		require.Equal(t, event.ID, d.Event.ID)
		require.JSONEq(t, `{"to":"ada@example.org"}`, string(d.Event.Data))
		require.False(t, d.Event.Sealed)
		require.Equal(t, sourceOfTest, d.Source)
	}
	require.NotContains(t, w.dump(), "ada@example.org")
	w.plan(w.event(), toAda())
	require.Contains(t, w.dump(), "ada@example.org", "the dump shows what there is")
}

// A person is erased between planning and sending: the adapter decides what to do.
func TestErasedPerson(t *testing.T) {
	t.Parallel()
	w := newSealedWorld(t)
	seen := w.seen()
	event := w.sealed("contact-42")
	w.plan(event, toAda())
	require.NoError(t, pgx.BeginFunc(t.Context(), w.pool, func(tx pgx.Tx) error {
		erased, err := w.keys.Erase(t.Context(), tx, "contact-42")
		require.True(t, erased)
		return err
	}))
	w.run(w.ledger)
	d := got(t, seen)
	require.True(t, d.Event.Erased)
	require.Equal(t, "null", string(d.Event.Data))
	require.Equal(t, row{State: deliveries.Succeeded, Attempts: 1}, w.settled(w.idOf(event)))
	require.NotContains(t, w.dump(), "ada@example.org")
}

// What can't be read so far waits, without an attempt; what is gone for good is cancelled.
func TestEventThatCannotBeRead(t *testing.T) {
	t.Parallel()
	w := newSealedWorld(t)
	later, gone := w.sealed("contact-42"), w.sealed("contact-43")
	gone.ID = uuid.New() // there is another event at its place
	later.ID, later.Position, later.Sequence = uuid.New(), 1000, 0
	lane := toAda()
	lane.Lane = "lane"
	w.plan(later, lane)
	w.plan(gone, lane)
	result, err := w.attemptNow(w.idOf(later))
	require.NoError(t, err)
	require.Equal(t, [2]any{deliveries.Pending, deliveries.ReasonUnread}, [2]any{result.State, result.Reason})
	require.Contains(t, w.log(w.idOf(later))[0], "has come to position 2 only")
	result, err = w.attemptNow(w.idOf(gone))
	require.NoError(t, err)
	require.Equal(t, deliveries.Result{State: deliveries.Cancelled, Reason: deliveries.ReasonUnreadable}, result)
	require.Contains(t, w.log(w.idOf(gone))[0], "is not in stream EVENTS any more")
	require.Empty(t, w.attempts(w.idOf(later)))
	require.Zero(t, w.calls.Load())
}

type issuedToday struct {
	Address string `json:"address"`
}

func (issuedToday) EventType() string { return "InvoiceIssued" }

type issuedFormerly struct {
	To string `json:"to"`
}

// What is read back is brought into today's form, as the handler got it.
func TestReadBackIsUpcast(t *testing.T) {
	t.Parallel()
	w := newSealedWorld(t)
	seen := w.seen()
	today, err := codec.New(codec.Type[issuedToday](codec.Schema(2)),
		codec.Upcast("InvoiceIssued", 1, codec.Convert(func(old issuedFormerly) (issuedToday, error) { return issuedToday{Address: old.To}, nil })))
	require.NoError(t, err)
	w.config.Codec = today
	event := w.sealed("contact-42")
	require.NoError(t, w.another().Deliver(t.Context(), event, toAda()))
	var data issuedToday
	require.NoError(t, json.Unmarshal(got(t, seen).Event.Data, &data))
	require.Equal(t, "ada@example.org", data.Address)
}

// A ledger without keys says at once that it could not send it, and one that has lost them puts it off.
func TestSealedWithoutKeys(t *testing.T) {
	t.Parallel()
	w := newSealedWorld(t)
	event := w.sealed("contact-42")
	w.plan(event, toAda())
	w.config.Keys = nil
	keyless := w.another()
	require.ErrorContains(t, pgx.BeginFunc(t.Context(), w.pool, func(tx pgx.Tx) error { return keyless.Plan(t.Context(), tx, event, toAda()) }), "Config.Keys")
	w.run(keyless)
	id := w.idOf(event)
	require.Eventually(t, func() bool { return len(w.log(id)) == 1 }, waitFor, 5*time.Millisecond)
	require.Equal(t, row{State: deliveries.Pending, Reason: deliveries.ReasonUnread, Due: true}, w.row(id))
}
