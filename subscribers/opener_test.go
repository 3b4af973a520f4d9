package subscribers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/erasure"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
)

func keyring(tb testing.TB, id string) *erasure.Keyring {
	tb.Helper()
	ring, err := erasure.NewKeyring(erasure.KEK{ID: id, Key: [32]byte{1}})
	require.NoError(tb, err)
	return ring
}

// openers are keys that ask the database each time, so that a test need not wait for what is cached.
func openers(tb testing.TB, pool *pgxpool.Pool, ring *erasure.Keyring) *erasure.Keys {
	tb.Helper()
	keys, err := erasure.NewKeys(pool, ring, erasure.Config{CacheTTL: -1})
	require.NoError(tb, err)
	return keys
}

// sealed makes the next event of a stream, about a person.
func (w *world) sealed(tb testing.TB, pool *pgxpool.Pool, person string, payload contrail.Payload) contrail.Recorded {
	tb.Helper()
	event := w.event(person, payload)
	require.NoError(tb, pgx.BeginFunc(tb.Context(), pool, func(tx pgx.Tx) error {
		keys, err := keyring(tb, "1").KeysFor([]string{person}, func(statement string, args ...any) (erasure.Rows, error) {
			return tx.Query(tb.Context(), statement, args...) //nolint:rowserrcheck,sqlclosecheck // KeysFor does both
		})
		key := keys[person]
		if err == nil {
			event.Data = key.Seal(event.ID, event.Stream, event.Type, event.Data)
			event.Metadata[contrail.KeySealedWith] = key.ID()
		}
		return err
	}))
	return event
}

func eraseNow(tb testing.TB, pool *pgxpool.Pool, person string) {
	tb.Helper()
	require.NoError(tb, pgx.BeginFunc(tb.Context(), pool, func(tx pgx.Tx) error {
		erased, err := openers(tb, pool, nil).Erase(tb.Context(), tx, person)
		require.True(tb, erased)
		return err
	}))
}

// A handler gets encrypted events as if they had never been, and those of a person who was erased without their data.
func TestHandlersGetEncryptedEventsOpened(t *testing.T) {
	t.Parallel()
	for name, register := range map[string]func(*subscribers.Subscription, chan contrail.Delivered[drafted]){
		"Handle": func(sub *subscribers.Subscription, handled chan contrail.Delivered[drafted]) {
			subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error { handled <- e; return nil })
		},
		"HandleTx": func(sub *subscribers.Subscription, handled chan contrail.Delivered[drafted]) {
			subscribers.HandleTx(sub, func(_ context.Context, _ pgx.Tx, e contrail.Delivered[drafted]) error { handled <- e; return nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			handled := make(chan contrail.Delivered[drafted], 9)
			sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool), Keys: openers(t, pool, keyring(t, "1")), Concurrency: 1})
			register(sub, handled)
			var sent []contrail.Recorded
			for n, person := range []string{"contact-1", "contact-2", "contact-1"} {
				sent = append(sent, w.sealed(t, pool, person, drafted{N: n + 1}))
			}
			sent = append(sent, w.event("invoice-1", drafted{N: 4}))
			eraseNow(t, pool, "contact-2")
			for _, event := range sent {
				w.send(t, event)
			}
			run(t, sub)
			w.settled(t)
			require.Empty(t, w.deadLetters(t))
			require.Len(t, handled, 4)
			for range 4 {
				e := receive(t, handled)
				n := int(e.Position)
				want := sent[n-1]
				require.False(t, e.Sealed)
				if want.Erased = n == 2; want.Erased {
					want.Data, n = json.RawMessage("null"), 0
				} else {
					want.Data = json.RawMessage(fmt.Sprintf(`{"n":%d}`, n))
				}
				require.Equal(t, want, e.Recorded)
				require.Equal(t, drafted{N: n}, e.Data)
			}
		})
	}
}

// picky is a payload that no null can be decoded into.
type picky struct{ N int }

func (picky) EventType() string { return "InvoiceIssued" }

func (p *picky) UnmarshalJSON(text []byte) error {
	if _, err := fmt.Sscanf(string(text), `{"n":%d}`, &p.N); err != nil {
		return fmt.Errorf("%s is no picky one: %w", text, err)
	}
	return nil
}

// What is erased is not decoded, and so can't fail to be.
func TestErasedEventsAreNotDecoded(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	sub := w.subscribe(t, subscribers.Config{Keys: openers(t, pool, nil)})
	handled := make(chan contrail.Delivered[picky], 1)
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[picky]) error { handled <- e; return nil })
	event := w.sealed(t, pool, "contact-1", issued{N: 1})
	eraseNow(t, pool, "contact-1")
	w.send(t, event)
	run(t, sub)
	e := receive(t, handled)
	require.True(t, e.Erased)
	require.Zero(t, e.Data)
}

// Without keys, what is encrypted is a dead letter if somebody wants to read it, and nothing to anybody else.
func TestEncryptedEventsWithoutKeys(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool)})
	subscribers.HandleTx(sub, func(context.Context, pgx.Tx, contrail.Delivered[drafted]) error { return nil })
	event := w.sealed(t, pool, "contact-1", drafted{N: 1})
	w.send(t, event)
	w.send(t, w.sealed(t, pool, "contact-2", issued{N: 1}))
	w.publish(t, "contact-3", drafted{N: 1})
	run(t, sub)
	w.settled(t)
	letters := w.deadLetters(t)
	require.Len(t, letters, 1)
	require.Equal(t, subscribers.ReasonUndecodable, letters[0].Reason)
	require.Contains(t, letters[0].Error, "the data of event "+event.ID.String()+" is encrypted with key "+event.Metadata["key_id"])
	require.Contains(t, letters[0].Error, "Config.Keys")
	require.Equal(t, 1, letters[0].Deliveries)
	require.Equal(t, subscribers.Stats{Delivered: 3, Handled: 1, Unhandled: 1, DeadLettered: 1}, sub.Stats())
}

// Of many in one transaction the one that was altered is a dead letter, and the others are handled.
func TestAlteredEventsAreDeadLetters(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool), Keys: openers(t, pool, keyring(t, "1"))})
	subscribers.HandleTx(sub, takeEffect)
	var altered contrail.Recorded
	for n := range 9 {
		event := w.sealed(t, pool, fmt.Sprint("contact-", n%4), drafted{N: n})
		if n == 4 {
			event.Stream = contrail.NewStreamID("contact", "9") // the data of another event
			altered = event
		}
		w.send(t, event)
	}
	run(t, sub)
	w.settled(t)
	letters := w.deadLetters(t)
	require.Len(t, letters, 1)
	require.Equal(t, subscribers.ReasonUndecodable, letters[0].Reason)
	require.Contains(t, letters[0].Error, "event "+altered.ID.String()+" of stream contact-9")
	require.Contains(t, letters[0].Error, "it was encrypted as the data of another event")
	events, times := effects(t, pool)
	require.Equal(t, [2]int{8, 8}, [2]int{events, times})
}

// Keys that can't be fetched are nobody's fault: no event loses a delivery over it.
func TestKeyOutageBurnsNoDeliveries(t *testing.T) {
	t.Parallel()
	w, server := newWorld(t), pgtest.Server(t, localstack.PostgresConfig{})
	pool, err := pgxpool.New(t.Context(), server.URL())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = eventstore.Migrate(t.Context(), pool)
	require.NoError(t, err)
	logged := newLog()
	sub := w.subscribe(t, subscribers.Config{
		MaxDeliver: 1, AckWait: shortWait, Logger: logged.logger(), Keys: openers(t, pool, keyring(t, "1")),
	})
	handled := make(chan int, 9)
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		handled <- e.Data.N
		return nil
	})
	event := w.sealed(t, pool, "contact-1", drafted{N: 7})
	require.NoError(t, server.Stop())
	w.send(t, event)
	run(t, sub)
	for range 5 {
		logged.await(t, "a key is not to be had")
	}
	require.NoError(t, server.Restart(t.Context()))
	require.Equal(t, 7, receive(t, handled))
	w.settled(t)
	require.Empty(t, w.deadLetters(t))
	require.EqualValues(t, 1, sub.Stats().Delivered)
}

// swap is keys that are configured anew while the test runs, as a process that is replaced by another.
type swap struct {
	mu   sync.Mutex
	keys subscribers.Opener
}

func (s *swap) set(keys subscribers.Opener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = keys
}

func (s *swap) Open(ctx context.Context, events []contrail.Recorded) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys.Open(ctx, events)
}

// A key-encryption key that this process lacks is a matter of configuration: events wait for it.
func TestMissingKEKBurnsNoDeliveries(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	logged := newLog()
	keys := &swap{keys: openers(t, pool, keyring(t, "2"))}
	sub := w.subscribe(t, subscribers.Config{MaxDeliver: 1, Logger: logged.logger(), Keys: keys})
	handled := make(chan int, 9)
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		handled <- e.Data.N
		return nil
	})
	w.send(t, w.sealed(t, pool, "contact-1", drafted{N: 7}))
	run(t, sub)
	for range 3 {
		logged.await(t, `key-encryption key "1" is not configured`)
	}
	keys.set(openers(t, pool, keyring(t, "1")))
	require.Equal(t, 7, receive(t, handled))
	w.settled(t)
	require.Empty(t, w.deadLetters(t))
}

// Where the table of the keys is missing, only a person can help.
func TestKeysWithoutTheirTableEndRun(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	sub := w.subscribe(t, subscribers.Config{Keys: openers(t, pool, keyring(t, "1"))})
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error { return nil })
	w.send(t, w.sealed(t, pool, "contact-1", drafted{N: 7}))
	_, err := pool.Exec(t.Context(), `ALTER TABLE contrail.keys RENAME TO gone`)
	require.NoError(t, err)
	err = sub.Run(t.Context())
	require.ErrorContains(t, err, "open encrypted events")
	require.ErrorContains(t, err, "contrail migrate")
}

func TestProjectionsGetEncryptedEventsOpened(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	var mu sync.Mutex
	var got []contrail.Recorded
	var calls atomic.Int64
	note := func(_ context.Context, _ pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
		mu.Lock()
		defer mu.Unlock()
		for _, e := range events {
			require.Equal(t, string(e.Recorded.Data), string(e.Data))
			got = append(got, e.Recorded)
		}
		return nil
	}
	keys := &swap{keys: failing{errors.New("the database is on fire"), &calls}}
	stop := run(t, w.projection(t, pool, subscribers.ProjectionConfig{Keys: keys}, note))
	first, second := w.sealed(t, pool, "contact-1", drafted{N: 1}), w.sealed(t, pool, "contact-2", drafted{N: 2})
	eraseNow(t, pool, "contact-2")
	w.send(t, first)
	w.send(t, second)
	w.publish(t, "contact-3", drafted{N: 3})
	eventually(t, func() bool { return calls.Load() > 2 }) // it is tried again, for as long as it takes
	keys.set(openers(t, pool, keyring(t, "1")))
	w.reaches(t, pool)
	stop()
	require.Len(t, got, 3)
	for n, data := range []string{`{"n":1}`, `null`, `{"n":3}`} {
		require.Equal(t, data, string(got[n].Data))
		require.Equal(t, n == 1, got[n].Erased)
		require.False(t, got[n].Sealed)
	}

	got = nil
	stop = run(t, w.projection(t, pool, subscribers.ProjectionConfig{}, note))
	w.send(t, w.sealed(t, pool, "contact-1", drafted{N: 4}))
	w.reaches(t, pool)
	stop()
	require.True(t, got[0].Sealed, "without keys it comes as it is")

	altered := w.sealed(t, pool, "contact-1", drafted{N: 5})
	altered.Stream = contrail.NewStreamID("contact", "9")
	w.send(t, altered)
	err := w.projection(t, pool, subscribers.ProjectionConfig{Keys: keys}, note).Run(t.Context())
	var corrupt *erasure.CorruptError
	require.ErrorAs(t, err, &corrupt)
	require.Equal(t, altered.ID, corrupt.Event)
}

type failing struct {
	err   error
	calls *atomic.Int64
}

func (f failing) Open(context.Context, []contrail.Recorded) error {
	f.calls.Add(1)
	return f.err
}
