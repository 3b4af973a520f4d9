package eventstore_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

func newSleeper(tb testing.TB, conn *pgx.Conn, wake eventstore.Wake) *eventstore.Sleeper {
	tb.Helper()
	sleeper, err := eventstore.NewSleeper(conn, wake)
	require.NoError(tb, err)
	return sleeper
}

func nothing(context.Context) (bool, error) { return false, nil }

// sleepUntil sleeps as a relay does until the feed has something.
func sleepUntil(ctx context.Context, tb testing.TB, sleeper *eventstore.Sleeper, feed *eventstore.Feed) (found []contrail.Recorded) {
	tb.Helper()
	read := func(ctx context.Context) (bool, error) {
		events, err := feed.Next(ctx)
		found = append(found, events...)
		return len(found) > 0, err
	}
	for {
		ok, err := read(ctx)
		require.NoError(tb, err)
		if ok {
			return found
		}
		require.NoError(tb, sleeper.Sleep(ctx, read))
	}
}

func TestWakeHasDefaultsAndIsValidated(t *testing.T) {
	t.Parallel()
	var zero eventstore.Wake
	require.Equal(t, eventstore.Notify(0), zero)
	require.False(t, zero.Polls())
	require.Equal(t, 5*time.Second, zero.Interval())
	require.True(t, eventstore.Poll(0).Polls())
	require.Equal(t, time.Second, eventstore.Poll(0).Interval())
	require.Equal(t, time.Minute, eventstore.Notify(time.Minute).Interval())
	require.NoError(t, zero.Validate())
	_, err := eventstore.NewSleeper(nil, eventstore.Notify(-time.Second))
	require.EqualError(t, err, "eventstore.NewSleeper: safety read is -1s, must not be negative")
	_, err = eventstore.NewSleeper(nil, eventstore.Poll(-time.Second))
	require.EqualError(t, err, "eventstore.NewSleeper: poll interval is -1s, must not be negative")
}

// Each commit must wake the sleeper by itself: the safety read is a minute away.
func TestSleeperWakesForEveryCommit(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	conn := connect(t, pool)
	feed, sleeper := newFeed(t, conn, eventstore.FeedConfig{}), newSleeper(t, conn, eventstore.Notify(time.Minute))
	const commits = 300
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := range commits {
			_, err := appendNow(t.Context(), pool, contrail.NewStreamID("a", strconv.Itoa(i)), eventstore.Any, happened("A"))
			if err != nil {
				t.Errorf("append: %v", err)
			}
		}
	})
	defer writing.Wait() // the last one may be read before its append has returned
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for read := 0; read < commits; {
		events := sleepUntil(ctx, t, sleeper, feed)
		read += len(events)
	}
}

// An appender that was in flight before the reader lay down sends no notification; the reader must not fall asleep over it.
func TestSleeperDoesNotSleepOverAnOpenAppender(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	conn := connect(t, pool)
	feed, sleeper := newFeed(t, conn, eventstore.FeedConfig{}), newSleeper(t, conn, eventstore.Notify(time.Minute))
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = newStore(t).Append(t.Context(), tx, invoice42, eventstore.NoStream, happened("A"))
	require.NoError(t, err)
	reads := 0
	require.NoError(t, sleeper.Sleep(t.Context(), func(context.Context) (bool, error) {
		reads++
		return reads == 5, nil
	}))
	require.NoError(t, tx.Commit(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	events := sleepUntil(ctx, t, sleeper, feed)
	require.Len(t, events, 1)
}

// Nobody sleeps, nobody is notified; somebody sleeps, the next commit notifies.
func TestCommitsNotifyOnlyASleeper(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	listener := connect(t, pool)
	_, err := listener.Exec(t.Context(), `LISTEN contrail`)
	require.NoError(t, err)
	notified := func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := listener.WaitForNotification(ctx)
		return err == nil
	}
	_, err = appendNow(t.Context(), pool, invoice42, eventstore.Any, happened("A"))
	require.NoError(t, err)
	require.False(t, notified())

	sleeper := newSleeper(t, connect(t, pool), eventstore.Notify(time.Minute))
	appended := false
	err = sleeper.Sleep(t.Context(), func(ctx context.Context) (bool, error) {
		if appended {
			return true, nil
		}
		appended = true
		_, err := appendNow(ctx, pool, invoice42, eventstore.Any, happened("A"))
		return false, err
	})
	require.NoError(t, err)
	require.True(t, notified())

	_, err = appendNow(t.Context(), pool, invoice42, eventstore.Any, happened("A"))
	require.NoError(t, err)
	require.False(t, notified(), "awake again")
}

// A transaction that notified could not be prepared. One that is told not to can, and its event is found all the same.
func TestSleeperFindsAPreparedTransaction(t *testing.T) {
	t.Parallel()
	pool := preparing(t)
	conn := connect(t, pool)
	feed := newFeed(t, conn, eventstore.FeedConfig{})
	const insert = `INSERT INTO contrail.events (stream, version, type, data) VALUES ('invoice-42', 1, 'A', '{}'); `
	prepared := false
	read := func(ctx context.Context) (bool, error) {
		if !prepared {
			prepared = true
			_, err := pool.Exec(ctx, `BEGIN; `+insert+`PREPARE TRANSACTION 'notifies'`)
			require.ErrorContains(t, err, "cannot PREPARE a transaction that has executed LISTEN, UNLISTEN, or NOTIFY")
			_, err = pool.Exec(ctx, `BEGIN; SET LOCAL contrail.notify = off; `+insert+`PREPARE TRANSACTION 'quiet'`)
			require.NoError(t, err)
			_, err = pool.Exec(ctx, `COMMIT PREPARED 'quiet'`)
			require.NoError(t, err)
			return false, nil
		}
		events, err := feed.Next(ctx)
		return len(events) > 0, err
	}
	require.NoError(t, newSleeper(t, conn, eventstore.Notify(100*time.Millisecond)).Sleep(t.Context(), read))
}

func TestSleeperEndsWithItsContext(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	conn := connect(t, pool)
	for _, wake := range []eventstore.Wake{eventstore.Notify(time.Minute), eventstore.Poll(time.Minute)} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, newSleeper(t, conn, wake).Sleep(ctx, nothing), context.DeadlineExceeded)
		require.ErrorIs(t, newSleeper(t, conn, wake).Sleep(ctx, nothing), context.DeadlineExceeded, "over before it began")
	}
	_, err := newFeed(t, conn, eventstore.FeedConfig{}).Next(t.Context())
	require.NoError(t, err, "the connection goes on")
	requireNothingLeft(t, pool, conn)
}

// Whatever ends a sleep, the connection may be given back to a pool; and the same sleeper may sleep again.
func TestSleeperLeavesNothingBehindAfterAnError(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	conn := connect(t, pool)
	sleeper := newSleeper(t, conn, eventstore.Notify(time.Minute))
	failed := errors.New("failed")
	for range 2 {
		require.ErrorIs(t, sleeper.Sleep(t.Context(), func(context.Context) (bool, error) { return false, failed }), failed)
		requireNothingLeft(t, pool, conn)
	}
	appendSoon(t, pool)
	require.Len(t, sleepUntil(t.Context(), t, sleeper, newFeed(t, conn, eventstore.FeedConfig{})), 1)
}

// appendSoon appends in a moment. The test does not end before the append has returned, which may be after its event was read.
func appendSoon(tb testing.TB, pool *pgxpool.Pool) {
	tb.Helper()
	ctx, over := context.WithoutCancel(tb.Context()), make(chan struct{})
	time.AfterFunc(50*time.Millisecond, func() {
		defer close(over)
		if _, err := appendNow(ctx, pool, invoice42, eventstore.NoStream, happened("A")); err != nil {
			tb.Errorf("append: %v", err)
		}
	})
	tb.Cleanup(func() { <-over })
}

func requireNothingLeft(tb testing.TB, pool *pgxpool.Pool, conn *pgx.Conn) {
	tb.Helper()
	requireNoKeys(tb, pool)
	var channels int
	require.NoError(tb, conn.QueryRow(tb.Context(), `SELECT count(*)::int FROM pg_listening_channels()`).Scan(&channels))
	require.Zero(tb, channels, "it still listens")
}

// Polling asks nothing of the connection: it may be any, or be in use.
func TestPollOnlyReads(t *testing.T) {
	t.Parallel()
	reads := 0
	err := newSleeper(t, nil, eventstore.Poll(time.Millisecond)).Sleep(t.Context(), func(context.Context) (bool, error) {
		reads++
		return reads == 3, nil
	})
	require.NoError(t, err)
	require.Equal(t, 3, reads)
}

// Through a proxy that pools transactions a sleeper finds no session to sleep in, says so, and leaves no lock behind; polling works.
func TestSleeperNeedsASession(t *testing.T) {
	t.Parallel()
	direct := pgtest.New(t)
	conn := connectPooled(t, direct, 2)
	sleeper := newSleeper(t, conn, eventstore.Notify(time.Minute))
	require.ErrorIs(t, sleeper.Sleep(t.Context(), nothing), eventstore.ErrPooled)
	requireNoKeys(t, direct)

	feed := newFeed(t, conn, eventstore.FeedConfig{})
	appendSoon(t, direct)
	events := sleepUntil(t.Context(), t, newSleeper(t, conn, eventstore.Poll(5*time.Millisecond)), feed)
	require.Len(t, events, 1)
}

func TestCheckSessionFindsAPooler(t *testing.T) {
	t.Parallel()
	direct := pgtest.New(t)
	require.NoError(t, eventstore.CheckSession(t.Context(), connect(t, direct), direct))
	for connections := range 3 {
		address := pgtest.Pooler(t, direct.Config().ConnString(), 1+connections)
		pool, err := pgxpool.New(t.Context(), address)
		require.NoError(t, err)
		defer pool.Close()
		require.ErrorIs(t, eventstore.CheckSession(t.Context(), connect(t, pool), pool), eventstore.ErrPooled, "%d connections", 1+connections)
	}
}

// connectPooled connects through a proxy that pools transactions over so many connections.
func connectPooled(tb testing.TB, direct *pgxpool.Pool, connections int) *pgx.Conn {
	tb.Helper()
	config, err := pgx.ParseConfig(pgtest.Pooler(tb, direct.Config().ConnString(), connections))
	require.NoError(tb, err)
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(tb.Context(), config)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func requireNoKeys(tb testing.TB, pool *pgxpool.Pool) {
	tb.Helper()
	var held int
	require.NoError(tb, pool.QueryRow(tb.Context(), `SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory'
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&held))
	require.Zero(tb, held, "a key is left")
}
