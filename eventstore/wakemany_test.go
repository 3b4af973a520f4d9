package eventstore_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// preparing is a migrated database that allows prepared transactions.
func preparing(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	pool, _ := ownServer(tb, map[string]string{"max_prepared_transactions": "5"})
	return pool
}

// ownServer is a migrated database on a server with other settings.
func ownServer(tb testing.TB, settings map[string]string) (*pgxpool.Pool, *localstack.Postgres) {
	tb.Helper()
	server := pgtest.Server(tb, localstack.PostgresConfig{Settings: settings})
	pool, err := pgxpool.New(tb.Context(), server.URL())
	require.NoError(tb, err)
	tb.Cleanup(pool.Close)
	_, err = eventstore.Migrate(tb.Context(), pool)
	require.NoError(tb, err)
	return pool, server
}

// sleepingReader is one of several that read and sleep by turns.
type sleepingReader struct {
	conn  *pgx.Conn
	reads atomic.Int64 // that found nothing
	found chan time.Time
	stop  func() error
}

// startReader reads and sleeps until it is stopped or the test ends.
func startReader(tb testing.TB, pool *pgxpool.Pool, wake eventstore.Wake) *sleepingReader {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	r := &sleepingReader{conn: connect(tb, pool), found: make(chan time.Time, 1000)}
	feed, sleeper := newFeed(tb, r.conn, eventstore.FeedConfig{}), newSleeper(tb, r.conn, wake)
	read := func(ctx context.Context) (bool, error) {
		events, err := feed.Next(context.WithoutCancel(ctx)) // a query that is broken off takes the connection with it
		for range events {
			r.found <- time.Now()
		}
		if len(events) == 0 {
			r.reads.Add(1)
		}
		return len(events) > 0, err
	}
	ended := make(chan error, 1)
	go func() {
		var err error
		for err == nil {
			err = sleeper.Sleep(ctx, read)
		}
		ended <- err
	}()
	r.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	tb.Cleanup(func() { _ = r.stop() })
	return r
}

const (
	asleepSQL = `SELECT count(*) FILTER (WHERE objid = 0)::int, count(*)::int FROM pg_locks
		WHERE locktype = 'advisory' AND classid = 1129270869 AND granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
	holderSQL = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 1129270869 AND objid = 0 AND mode = 'ExclusiveLock'
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
)

// awaitAsleep waits until one of the readers holds key 0, the others key 1, and each has read since.
func awaitAsleep(tb testing.TB, pool *pgxpool.Pool, readers ...*sleepingReader) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		var holders, sleepers int
		err := pool.QueryRow(tb.Context(), asleepSQL).Scan(&holders, &sleepers)
		return err == nil && holders == 1 && sleepers == len(readers)
	}, 10*time.Second, time.Millisecond)
	for _, r := range readers {
		var waiting bool
		require.Eventually(tb, func() bool {
			err := pool.QueryRow(tb.Context(), `SELECT state = 'idle' AND query LIKE '%horizon()%' FROM pg_stat_activity WHERE pid = $1`,
				r.conn.PgConn().PID()).Scan(&waiting)
			return err == nil && waiting
		}, 10*time.Second, time.Millisecond)
	}
}

// The safety read is a minute away, so only notifications wake them.
func TestEveryAppendWakesAllSleepers(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	readers := make([]*sleepingReader, 3)
	for i := range readers {
		readers[i] = startReader(t, pool, eventstore.Notify(time.Minute))
	}
	for round := range 100 {
		if round%2 == 0 { // now and then while they are still getting up
			awaitAsleep(t, pool, readers...)
		}
		_, err := appendNow(t.Context(), pool, invoice42, eventstore.Any, happened("A"))
		require.NoError(t, err)
		for i, r := range readers {
			select {
			case <-r.found:
			case <-time.After(10 * time.Second):
				require.FailNow(t, "a reader sleeps over an event", "reader %d in round %d", i, round)
			}
		}
	}
}

// Readers come and go, and so the holder's place is taken over, while others append. Nobody sleeps over anything.
func TestSleepersThatComeAndGoMissNothing(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	staying := []*sleepingReader{startReader(t, pool, eventstore.Notify(time.Minute)), startReader(t, pool, eventstore.Notify(time.Minute))}
	ctx, cancel := context.WithCancel(t.Context())
	var going sync.WaitGroup
	for range 2 {
		going.Go(func() {
			conn, err := pgx.ConnectConfig(ctx, pool.Config().ConnConfig)
			if err != nil {
				t.Errorf("connect: %v", err)
				return
			}
			defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
			sleeper, _ := eventstore.NewSleeper(conn, eventstore.Notify(time.Minute))
			for ctx.Err() == nil {
				short, cancel := context.WithTimeout(ctx, 3*time.Millisecond)
				_ = sleeper.Sleep(short, nothing)
				cancel()
			}
		})
	}
	for round := range 300 {
		_, err := appendNow(t.Context(), pool, invoice42, eventstore.Any, happened("A"))
		require.NoError(t, err)
		for i, r := range staying {
			select {
			case <-r.found:
			case <-time.After(10 * time.Second):
				require.FailNow(t, "a reader sleeps over an event", "reader %d in round %d", i, round)
			}
		}
	}
	cancel()
	going.Wait()
}

// A holder that gets up tells the others, and one of them takes its place.
func TestSleeperTakesTheHoldersPlace(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	first := startReader(t, pool, eventstore.Notify(time.Minute))
	awaitAsleep(t, pool, first)
	second := startReader(t, pool, eventstore.Notify(time.Minute))
	awaitAsleep(t, pool, first, second)
	require.ErrorIs(t, first.stop(), context.Canceled)
	awaitAsleep(t, pool, second)
	_, err := appendNow(t.Context(), pool, invoice42, eventstore.Any, happened("A"))
	require.NoError(t, err)
	<-second.found
}

// A holder that is killed can't tell anybody: the others find the next event by their safety read, and then one takes its place.
func TestSleepersOutlastAHolderThatDies(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	first := startReader(t, pool, eventstore.Notify(time.Minute))
	awaitAsleep(t, pool, first)
	const safetyRead = 300 * time.Millisecond
	others := []*sleepingReader{startReader(t, pool, eventstore.Notify(safetyRead)), startReader(t, pool, eventstore.Notify(safetyRead))}
	awaitAsleep(t, pool, first, others[0], others[1])
	var killed bool
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT pg_terminate_backend(pid, 10000) FROM (`+holderSQL+`) holder`).Scan(&killed))
	require.True(t, killed)
	require.Error(t, first.stop())
	began := time.Now()
	_, err := appendNow(t.Context(), pool, invoice42, eventstore.Any, happened("A"))
	require.NoError(t, err)
	for _, r := range others {
		require.Less(t, (<-r.found).Sub(began), safetyRead+2*time.Second)
	}
	awaitAsleep(t, pool, others...)
}

// Idle sleepers make their safety reads and nothing else: no reading for one another, no ping-pong. The server's log counts every statement.
func TestIdleSleepersOnlyMakeTheirSafetyReads(t *testing.T) {
	t.Parallel()
	pool, server := ownServer(t, map[string]string{"log_statement": "all", "log_line_prefix": "<%p> "})
	safetyRead, reads := 200*time.Millisecond, int64(10)
	if os.Getenv("CONTRAIL_LONG") != "" {
		safetyRead, reads = eventstore.DefaultSafetyRead, 3
	}
	readers := make([]*sleepingReader, 5)
	for i := range readers {
		readers[i] = startReader(t, pool, eventstore.Notify(safetyRead))
	}
	awaitAsleep(t, pool, readers...)
	_, err := appendNow(t.Context(), pool, invoice42, eventstore.Any, happened("A")) // all get up, and tell one another
	require.NoError(t, err)
	for _, r := range readers {
		<-r.found
	}
	awaitReads(t, readers, 2) // and lie down again
	began := make([]int64, len(readers))
	statements := make([]int, len(readers))
	start := time.Now()
	for i, r := range readers {
		began[i], statements[i] = r.reads.Load(), statementsOf(t, server, r.conn)
	}
	awaitReads(t, readers, reads)
	for i, r := range readers {
		made := statementsOf(t, server, r.conn) - statements[i]
		require.LessOrEqual(t, made, int(time.Since(start)/safetyRead)+1, "reader %d", i)
		require.LessOrEqual(t, int64(made), r.reads.Load()-began[i]+1, "reader %d: a read is one statement", i)
	}
}

// awaitReads waits until each reader has found nothing so many times more.
func awaitReads(tb testing.TB, readers []*sleepingReader, reads int64) {
	tb.Helper()
	began := make([]int64, len(readers))
	for i, r := range readers {
		began[i] = r.reads.Load()
	}
	for i, r := range readers {
		require.Eventually(tb, func() bool { return r.reads.Load() >= began[i]+reads }, time.Minute, time.Millisecond)
	}
}

// statementsOf counts what the server was asked on a connection.
func statementsOf(tb testing.TB, server *localstack.Postgres, conn *pgx.Conn) int {
	tb.Helper()
	log, err := os.ReadFile(server.LogPath())
	require.NoError(tb, err)
	count := 0
	for line := range strings.Lines(string(log)) {
		ofConn := strings.HasPrefix(line, fmt.Sprintf("<%d> ", conn.PgConn().PID()))
		if ofConn && (strings.Contains(line, "LOG:  statement: ") || strings.Contains(line, "LOG:  execute ")) {
			count++
		}
	}
	return count
}
