package eventstore_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// openAppender appends in a transaction that stays open until the returned function commits it.
func openAppender(tb testing.TB, pool *pgxpool.Pool) (commit func()) {
	tb.Helper()
	tx, err := pool.Begin(tb.Context())
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	_, err = newStore(tb).Append(tb.Context(), tx, invoice42, eventstore.NoStream, happened("A"))
	require.NoError(tb, err)
	return func() { require.NoError(tb, tx.Commit(context.Background())) }
}

// Whatever is left of an appender's locks, or of those of a reader that gets up, nobody sleeps on it: no notification need follow. Appender and
// reader let go of their locks one after another; here each moment lasts.
func TestSleeperStaysAwakeWhileLocksAreLeft(t *testing.T) {
	t.Parallel()
	for name, locks := range map[string]string{
		"an appender's promise":         `SELECT pg_advisory_xact_lock_shared(1129270868, 0)`,
		"an appender's share of key 0":  `SELECT pg_advisory_xact_lock_shared(1129270869, 0)`,
		"key 1, tried by who gets up":   `SELECT pg_advisory_xact_lock_shared(1129270869, 0), pg_advisory_xact_lock(1129270869, 1)`,
		"a holder, and an open promise": `SELECT pg_advisory_xact_lock(1129270869, 0), pg_advisory_xact_lock_shared(1129270868, 0)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			tx, err := pool.Begin(t.Context())
			require.NoError(t, err)
			defer func() { _ = tx.Rollback(context.Background()) }()
			_, err = tx.Exec(t.Context(), locks)
			require.NoError(t, err)

			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			reads := 0
			err = newSleeper(t, connect(t, pool), eventstore.Notify(time.Minute)).Sleep(ctx, func(context.Context) (bool, error) {
				reads++
				return reads == 5, nil
			})
			require.NoError(t, err)
			require.NoError(t, tx.Rollback(t.Context()))
			requireNoKeys(t, pool)
		})
	}
}

// While an appender stays open nothing settles. However much others append meanwhile, a reader asks twenty things a second, and nobody
// pays for a NOTIFY: neither when the readers came after that appender, nor when they were asleep before.
func TestOpenAppenderNeitherSpinsReadersNorMakesAppendsNotify(t *testing.T) {
	t.Parallel()
	for name, asleep := range map[string]bool{"open before": false, "asleep before": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, server := ownServer(t, map[string]string{"log_statement": "all", "log_line_prefix": "<%p> "})
			var readers []*sleepingReader
			var commit func()
			lieDown := func() {
				for range 5 {
					readers = append(readers, startReader(t, pool, eventstore.Notify(time.Minute)))
				}
			}
			if asleep {
				lieDown()
				awaitAsleep(t, pool, readers...)
				commit = openAppender(t, pool)
			} else {
				commit = openAppender(t, pool)
				lieDown()
				awaitReads(t, readers, 2)
			}
			listener := connect(t, pool)
			_, err := listener.Exec(t.Context(), `LISTEN contrail`)
			require.NoError(t, err)
			statements, began := make([]int, len(readers)), time.Now()
			for i, r := range readers {
				statements[i] = statementsOf(t, server, r.conn)
			}
			appendElsewhere(t, pool, 500)
			awaitReads(t, readers, 10)
			for i, r := range readers {
				made := statementsOf(t, server, r.conn) - statements[i]
				require.LessOrEqual(t, made, 60+int(20*time.Since(began).Seconds()), "reader %d", i) // from being woken to the longest pause: some
			}
			require.Less(t, notifications(t, listener), 50)
			commit()
			for _, r := range readers {
				for range 501 {
					<-r.found
				}
			}
		})
	}
}

// appendElsewhere appends n events, by four writers at once, each event in a transaction.
func appendElsewhere(tb testing.TB, pool *pgxpool.Pool, n int) {
	tb.Helper()
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for range n / 4 {
				_, err := pool.Exec(tb.Context(), `INSERT INTO contrail.events (stream, version, type, data)
					VALUES ('a-' || gen_random_uuid(), 1, 'A', '{}')`)
				if err != nil {
					tb.Errorf("append: %v", err)
				}
			}
		})
	}
	writers.Wait()
}

// notifications counts those that the connection has been sent, its own last one excepted.
func notifications(tb testing.TB, conn *pgx.Conn) (count int) {
	tb.Helper()
	_, err := conn.Exec(tb.Context(), `NOTIFY contrail, 'last'`)
	require.NoError(tb, err)
	for {
		notification, err := conn.WaitForNotification(tb.Context())
		require.NoError(tb, err)
		if notification.Payload == "last" {
			return count
		}
		count++
	}
}
