package eventstore_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/erasure"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// ContactCreated is about a person.
type ContactCreated struct {
	ID    string `json:"-"`
	Email string `json:"email"`
}

func (ContactCreated) EventType() string { return "ContactCreated" }

func (c ContactCreated) DataSubject() string { return "contact-" + c.ID }

func keyring(tb testing.TB, ids ...string) *erasure.Keyring {
	tb.Helper()
	var keks []erasure.KEK
	for _, id := range ids {
		kek := erasure.KEK{ID: id}
		copy(kek.Key[:], strings.Repeat(id, 32))
		keks = append(keks, kek)
	}
	ring, err := erasure.NewKeyring(keks...)
	require.NoError(tb, err)
	return ring
}

func keyedStore(tb testing.TB, keys *erasure.Keyring) *eventstore.Store {
	tb.Helper()
	store, err := eventstore.New(eventstore.Config{Keys: keys})
	require.NoError(tb, err)
	return store
}

// appendSealed appends to a contact's stream: something personal, and something that is not.
func appendSealed(tb testing.TB, pool *pgxpool.Pool, store *eventstore.Store, id string) []contrail.Recorded {
	tb.Helper()
	var recorded []contrail.Recorded
	err := pgx.BeginFunc(tb.Context(), pool, func(tx pgx.Tx) (err error) {
		recorded, err = store.Append(tb.Context(), tx, contrail.NewStreamID("contact", id), eventstore.NoStream,
			contrail.NewEvent(ContactCreated{ID: id, Email: "leonie@example.org"}), happened("ContactDeleted"))
		return err
	})
	require.NoError(tb, err)
	return recorded
}

func one(tb testing.TB, pool *pgxpool.Pool, store *eventstore.Store, id uuid.UUID) contrail.Recorded {
	tb.Helper()
	event, err := store.Find(tb.Context(), pool, id)
	require.NoError(tb, err)
	return event
}

// What is about a person is encrypted in the table and on its way to the broker, plain for whoever has the keys, and gone for all once the
// key is deleted.
func TestPersonalDataIsSealedAndErased(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	ctx := t.Context()
	store := keyedStore(t, keyring(t, "a"))
	recorded := appendSealed(t, pool, store, "7")
	require.JSONEq(t, `{"email":"leonie@example.org"}`, string(recorded[0].Data))
	require.False(t, recorded[0].Sealed)
	require.NotEmpty(t, recorded[0].Metadata[contrail.KeySealedWith])
	require.NotContains(t, recorded[1].Metadata, contrail.KeySealedWith)

	var text string
	require.NoError(t, pool.QueryRow(ctx, `SELECT string_agg(e::text, '') FROM contrail.events e`).Scan(&text))
	require.NotContains(t, text, "leonie")
	require.NotContains(t, text, "contact-7 ContactCreated", "not even the subject's name in the clear beside what is the stream's own")

	require.Equal(t, recorded[0].Data, one(t, pool, store, recorded[0].ID).Data)
	read := func(store *eventstore.Store) (events []contrail.Recorded) {
		for event, err := range store.Read(ctx, pool, eventstore.Query{}) {
			require.NoError(t, err)
			events = append(events, event)
		}
		return events
	}
	require.Equal(t, recorded[0].Data, read(store)[0].Data)

	without := read(newStore(t))
	require.True(t, without[0].Sealed)
	require.NotContains(t, string(without[0].Data), "leonie")
	require.False(t, without[1].Sealed)
	feed, err := eventstore.NewFeed(connect(t, pool), eventstore.FeedConfig{})
	require.NoError(t, err)
	fed, err := feed.Next(ctx)
	require.NoError(t, err)
	require.True(t, fed[0].Sealed, "the relay publishes ciphertext")
	require.Equal(t, without[0].Data, fed[0].Data)

	tag, err := pool.Exec(ctx, `DELETE FROM contrail.keys WHERE subject = 'contact-7'`)
	require.NoError(t, err)
	require.EqualValues(t, 1, tag.RowsAffected())
	after := read(store)
	require.True(t, after[0].Erased)
	require.False(t, after[0].Sealed)
	require.Equal(t, "null", string(after[0].Data))
	require.Equal(t, recorded[0].ID, after[0].ID)
	require.JSONEq(t, `{"n":1}`, string(after[1].Data))
	require.True(t, one(t, pool, store, recorded[0].ID).Erased)
	var created ContactCreated
	require.NoError(t, json.Unmarshal(after[0].Data, &created), "an aggregate reads nothing, and copes")
}

// A repetition is recognised although it is encrypted again, through either kind of transaction.
func TestSealedAppendIsRecognisedAgain(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	ctx := t.Context()
	store := keyedStore(t, keyring(t, "a"))
	event := contrail.NewEvent(ContactCreated{ID: "7", Email: "leonie@example.org"})
	event.ID = uuid.New()
	stream := contrail.NewStreamID("contact", "7")
	db := stdlib.OpenDBFromPool(pool)
	defer func() { require.NoError(t, db.Close()) }()
	appendSQL := func(event contrail.Event) ([]contrail.Recorded, error) {
		tx, err := db.BeginTx(ctx, nil)
		require.NoError(t, err)
		defer func() { require.NoError(t, tx.Commit()) }()
		return store.AppendSQL(ctx, tx, stream, eventstore.NoStream, event)
	}
	first, err := appendSQL(event)
	require.NoError(t, err)
	again, err := appendSQL(event)
	require.NoError(t, err)
	require.Equal(t, first[0].Position, again[0].Position)
	require.Equal(t, first[0].Data, again[0].Data)
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		again, err := store.Append(ctx, tx, stream, eventstore.NoStream, event)
		require.NoError(t, err)
		require.Equal(t, first, again)
		return nil
	})
	require.NoError(t, err)

	event.Data = ContactCreated{ID: "7", Email: "other@example.org"}
	_, err = appendSQL(event)
	_, isDuplicate := errors.AsType[*eventstore.DuplicateError](err)
	require.True(t, isDuplicate, "the same id with other data: %v", err)
}

func TestSealedAppendIsRefused(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	ctx := t.Context()
	personal := contrail.NewEvent(ContactCreated{ID: "7"})
	long := contrail.NewEvent(ContactCreated{ID: strings.Repeat("7", 300)})
	large := contrail.NewEvent(ContactCreated{ID: "7", Email: strings.Repeat("x", 400<<10)}) // below the limit, but not once it is encrypted
	claimed := happened("A")
	claimed.Metadata = contrail.Metadata{contrail.KeySealedWith: "k"}
	for name, c := range map[string]struct {
		store *eventstore.Store
		event contrail.Event
		is    error
		text  string
	}{
		"no keys":       {newStore(t), personal, eventstore.ErrNoKeys, `append to contact-7: event 1 is about "contact-7": the store has no keys`},
		"a bad subject": {keyedStore(t, keyring(t, "a")), long, contrail.ErrInvalid, "is longer than 200 bytes"},
		"too large":     {keyedStore(t, keyring(t, "a")), large, contrail.ErrInvalid, "more than the 524288 allowed"},
		"key_id":        {keyedStore(t, keyring(t, "a")), claimed, contrail.ErrInvalid, `metadata key "key_id" is the store's own`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
				_, err := c.store.Append(ctx, tx, contrail.NewStreamID("contact", "7"), eventstore.Any, c.event)
				require.ErrorIs(t, err, c.is)
				require.ErrorContains(t, err, c.text)
				_, err = tx.Exec(ctx, `SELECT 1`)
				return err // the transaction is still good
			})
			require.NoError(t, err)
		})
	}
}

// Without the key-encryption key nothing is read, and nothing is taken for erased.
func TestSealedReadNeedsItsKEK(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	recorded := appendSealed(t, pool, keyedStore(t, keyring(t, "a")), "7")
	other := keyedStore(t, keyring(t, "b"))
	err := firstError(other.Load(t.Context(), pool, recorded[0].Stream, 1))
	require.ErrorIs(t, err, erasure.ErrNoKEK)
	require.ErrorContains(t, err, `load contact-7: `)
	require.ErrorContains(t, err, `key-encryption key "a" is not configured`)
	rotated := keyedStore(t, keyring(t, "b", "a"))
	require.NoError(t, firstError(rotated.Load(t.Context(), pool, recorded[0].Stream, 1)))
}
