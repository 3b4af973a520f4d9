package publisher_test

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// setBack gives the store the state of an older backup, its events up to a position, its sequence and the relay's cursor, and appends events since
// then. As at a restore, nobody sees anything between, and every relay loses its connection.
func setBack(tb testing.TB, pool *pgxpool.Pool, position, since int) {
	tb.Helper()
	require.NoError(tb, pgx.BeginFunc(tb.Context(), pool, func(tx pgx.Tx) error {
		batch := setBackTo(position, since)
		batch.Queue(terminateRelaysSQL)
		return tx.SendBatch(tb.Context(), batch).Close()
	}))
}

func setBackTo(position, since int) *pgx.Batch {
	batch := new(pgx.Batch)
	batch.Queue(`LOCK TABLE contrail.events IN ACCESS EXCLUSIVE MODE`) // nobody reads meanwhile
	batch.Queue(`ALTER TABLE contrail.events DISABLE TRIGGER events_append_only`)
	batch.Queue(`DELETE FROM contrail.events WHERE position > $1`, position)
	batch.Queue(`ALTER TABLE contrail.events ENABLE ALWAYS TRIGGER events_append_only`)
	batch.Queue(`SELECT setval('contrail.events_position_seq', $1)`, position)
	batch.Queue(`UPDATE contrail.relays SET position = $1, sequence = $1`, position)
	batch.Queue(`INSERT INTO contrail.events (stream, version, type, data)
		SELECT 'since-' || n, 1, 'Counted', '{}' FROM generate_series(1, $1) n`, since)
	return batch
}

// The store is restored from an older backup, and gives its positions to new events: the stream has what the store does not, and nothing is
// published behind it. The store's own events reach another stream.
func TestRelayStopsWhenItsStoreIsSetBack(t *testing.T) {
	t.Parallel()
	for _, runs := range []bool{true, false} {
		for _, since := range []int{0, 5, 20, 50} { // the stream is ahead by 20
			t.Run(fmt.Sprintf("running %t, %d events since", runs, since), func(t *testing.T) {
				t.Parallel()
				pool := pgtest.New(t)
				js, _ := natstest.JetStream(t)
				insertEvents(t, pool, 40)
				if runs {
					ended := running(t, newRelay(t, pool, js, impatient()))
					awaitCaughtUp(t, pool, js)
					setBack(t, pool, 20, since)
					requireAhead(t, awaitEnd(t, ended))
				} else {
					relayAll(t, pool, js)
					setBack(t, pool, 20, since)
				}
				requireAhead(t, runFails(t, pool, js))
				require.Len(t, readStream(t, js), 40)
				report := verify(t, pool, js)
				require.False(t, report.OK)
				require.EqualValues(t, 20, report.Foreign)

				relayElsewhere(t, pool, js, "RESTORED", 20+since)
			})
		}
	}
}

func requireAhead(tb testing.TB, err error) {
	tb.Helper()
	require.ErrorIs(tb, err, publisher.ErrStreamAhead)
	require.ErrorContains(tb, err, "stream EVENTS is ahead of the store: it ends with event ")
	require.ErrorContains(tb, err, " at position 40, which the store does not have: the database was set back")
}

// relayElsewhere is the way out where a stream is spoiled: one of another name and prefix takes every event.
func relayElsewhere(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream, name string, events int) {
	tb.Helper()
	stop := start(tb, newRelay(tb, pool, js, publisher.Config{Stream: name, Prefix: name}))
	require.Eventually(tb, func() bool {
		report, err := publisher.Verify(tb.Context(), pool, js, publisher.VerifyConfig{Stream: name})
		return err == nil && report.OK && report.Published == int64(events)
	}, patience, patience/1000)
	require.NoError(tb, stop())
	stream, err := js.Stream(tb.Context(), name)
	require.NoError(tb, err)
	require.EqualValues(tb, events, stream.CachedInfo().State.LastSeq)
}

// anotherStore is a database of its own; the template gives all of them the same id, as a backup has.
func anotherStore(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	pool := pgtest.New(tb)
	_, err := pool.Exec(tb.Context(), `UPDATE contrail.store SET id = gen_random_uuid()`)
	require.NoError(tb, err)
	return pool
}

// Two stores are pointed at one stream, one after the other: the second stops before it has published anything, and goes elsewhere.
func TestASecondStoreStopsAtTheFirstOnesStream(t *testing.T) {
	t.Parallel()
	first, second := pgtest.New(t), anotherStore(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, first, 20)
	insertEvents(t, second, 30)
	stop := start(t, newRelay(t, first, js, impatient()))
	awaitCaughtUp(t, first, js)
	for range 2 {
		requireSpoiled(t, runFails(t, second, js))
		insertEvents(t, first, 10)
		awaitCaughtUp(t, first, js)
	}
	require.NoError(t, stop())
	requireExact(t, first, js)
	relayElsewhere(t, second, js, "SECOND", 30)
}

func requireSpoiled(tb testing.TB, err error) {
	tb.Helper()
	require.ErrorIs(tb, err, publisher.ErrForeignWriter)
	require.ErrorContains(tb, err, "stream EVENTS has another writer: message ")
	require.ErrorContains(tb, err, "give each store a stream of its own (Config.Stream and Config.Prefix)")
}

// Two stores are pointed at one stream at the same moment, find it empty, and send their first batches into one another. Who meets the other's events stops;
// the other may go on if its events are alone in the stream.
func TestTwoStoresAtOnceOnOneStream(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	stores := []*pgxpool.Pool{pgtest.New(t), anotherStore(t)}
	meet := together(len(stores), "before fetch", "in mid-batch")
	outcomes := make([]<-chan error, len(stores))
	for i, pool := range stores {
		insertEvents(t, pool, 200)
		relay := newRelay(t, pool, js, impatient())
		relay.OnPoint(meet())
		outcomes[i] = running(t, relay)
	}
	ended := make([]bool, len(stores))
	settled := func() bool {
		for i, outcome := range outcomes {
			select {
			case err := <-outcome:
				requireSpoiled(t, err)
				ended[i] = true
			default:
			}
		}
		return ended[0] && ended[1] || (ended[0] || ended[1]) && len(readStream(t, js)) == 200
	}
	require.Eventually(t, settled, patience, patience/1000)
	before := len(readStream(t, js))
	for i, pool := range stores {
		if !ended[i] {
			requireExact(t, pool, js)
			continue
		}
		requireSpoiled(t, runFails(t, pool, js))
		require.Len(t, readStream(t, js), before, "nothing is published behind the other's")
		report := verify(t, pool, js)
		require.Zero(t, report.DuplicatesTotal+report.OutOfOrder)
		relayElsewhere(t, pool, js, fmt.Sprintf("STORE%d", i), 200)
	}
}

// together makes hooks for relays that wait for one another at each of the points, the first time that they pass it.
func together(relays int, points ...string) func() func(point string) {
	arrived := make(map[string]*sync.WaitGroup, len(points))
	for _, point := range points {
		arrived[point] = new(sync.WaitGroup)
		arrived[point].Add(relays)
	}
	return func() func(string) {
		first := make(map[string]*sync.Once, len(points))
		for _, point := range points {
			first[point] = new(sync.Once)
		}
		return func(point string) {
			if once, meets := first[point]; meets {
				once.Do(func() { arrived[point].Done(); arrived[point].Wait() })
			}
		}
	}
}

// A copy of a database, for a rehearsal say, is pointed at the stream of the original. Its source is the same, so only its events tell it apart: the original
// stops as soon as it meets one, and loses nothing.
func TestRelayStopsBehindACopyOfItsStore(t *testing.T) {
	t.Parallel()
	for since, stops := range map[int]func(testing.TB, error){
		1:  requireAhead,   // it finds the copy's event at the end
		11: requireSpoiled, // or between its own, in a batch that had been sent
	} {
		t.Run(strconv.Itoa(since), func(t *testing.T) {
			t.Parallel()
			original, copied := pgtest.New(t), pgtest.New(t)
			js, _ := natstest.JetStream(t)
			for _, pool := range []*pgxpool.Pool{original, copied} {
				_, err := pool.Exec(t.Context(), `INSERT INTO contrail.events (id, stream, version, type, data)
					SELECT md5(n::text)::uuid, 'copied-' || n, 1, 'Counted', '{}' FROM generate_series(1, 39) n`)
				require.NoError(t, err)
			}
			ended := running(t, newRelay(t, original, js, impatient()))
			awaitCaughtUp(t, original, js)
			insertEvents(t, copied, 1)
			relayAll(t, copied, js)
			insertEvents(t, original, since)
			stops(t, awaitEnd(t, ended))
			stops(t, runFails(t, original, js))
			require.Zero(t, verify(t, original, js).DuplicatesTotal)
			relayElsewhere(t, original, js, "ORIGINAL", 39+since)
		})
	}
}
