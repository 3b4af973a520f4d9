package eventstore_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

const fillSQL = `INSERT INTO contrail.events (stream, version, type, data)
	SELECT 'bulk-1', (SELECT coalesce(max(version), 0) FROM contrail.events WHERE stream = 'bulk-1') + n, 'Filled', to_jsonb(repeat('x', $2))
	FROM generate_series(1, $1) n`

func newFeed(tb testing.TB, conn *pgx.Conn, cfg eventstore.FeedConfig) *eventstore.Feed {
	tb.Helper()
	feed, err := eventstore.NewFeed(conn, cfg)
	require.NoError(tb, err)
	return feed
}

func TestFeedBoundsBatchesByEventsAndBytes(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	_, err := pool.Exec(t.Context(), fillSQL, 100, 10)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), fillSQL, 100, 1000)
	require.NoError(t, err)
	feed := newFeed(t, connect(t, pool), eventstore.FeedConfig{BatchEvents: 30, BatchBytes: 5000})
	next := contrail.Position(1)
	for {
		events, err := feed.Next(t.Context())
		require.NoError(t, err)
		if len(events) == 0 {
			break
		}
		require.LessOrEqual(t, len(events), 30)
		bytes := 0
		for _, event := range events {
			require.Equal(t, next, event.Position)
			next++
			bytes += len(event.Data)
		}
		require.Less(t, bytes, 5000+1002, "a batch ends with the event that reaches the bound")
	}
	require.EqualValues(t, 201, next)
}

func TestFeedBeginsAfterAPositionAndSeeks(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	_, err := pool.Exec(t.Context(), fillSQL, 10, 1)
	require.NoError(t, err)
	feed := newFeed(t, connect(t, pool), eventstore.FeedConfig{After: 7})
	events, err := feed.Next(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 8, events[0].Position)
	require.Len(t, events, 3)
	feed.Seek(9)
	events, err = feed.Next(t.Context())
	require.NoError(t, err)
	require.Len(t, events, 1)
	_, err = eventstore.NewFeed(nil, eventstore.FeedConfig{BatchEvents: -1})
	require.ErrorContains(t, err, "BatchEvents")
}

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

// Each commit must wake the sleeper by itself: the safety read is a minute away.
func TestSleeperWakesForEveryCommit(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	conn := connect(t, pool)
	feed, sleeper := newFeed(t, conn, eventstore.FeedConfig{}), eventstore.NewSleeper(conn, time.Minute)
	const commits = 300
	go func() {
		for i := range commits {
			_, err := appendNow(t.Context(), pool, contrail.NewStreamID("a", strconv.Itoa(i)), eventstore.Any, happened("A"))
			if err != nil {
				t.Errorf("append: %v", err)
			}
		}
	}()
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
	feed, sleeper := newFeed(t, conn, eventstore.FeedConfig{}), eventstore.NewSleeper(conn, time.Minute)
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = newStore(t).Append(t.Context(), tx, invoice42, eventstore.NoStream, happened("A"))
	require.NoError(t, err)
	for range 5 {
		require.NoError(t, sleeper.Sleep(t.Context(), func(context.Context) (bool, error) { return false, nil }))
	}
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

	sleeper := eventstore.NewSleeper(connect(t, pool), time.Minute)
	err = sleeper.Sleep(t.Context(), func(ctx context.Context) (bool, error) {
		_, err := appendNow(ctx, pool, invoice42, eventstore.Any, happened("A"))
		return false, err
	})
	require.NoError(t, err)
	require.True(t, notified())

	_, err = appendNow(t.Context(), pool, invoice42, eventstore.Any, happened("A"))
	require.NoError(t, err)
	require.False(t, notified(), "awake again")
}

func TestSleeperEndsWithTheSafetyReadAndWithItsContext(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	conn := connect(t, pool)
	nothing := func(context.Context) (bool, error) { return false, nil }
	require.NoError(t, eventstore.NewSleeper(conn, 50*time.Millisecond).Sleep(t.Context(), nothing))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, eventstore.NewSleeper(conn, time.Minute).Sleep(ctx, nothing), context.DeadlineExceeded)
	require.ErrorIs(t, eventstore.NewSleeper(conn, time.Minute).Sleep(ctx, nothing), context.DeadlineExceeded, "over before it began")
	_, err := newFeed(t, conn, eventstore.FeedConfig{}).Next(t.Context())
	require.NoError(t, err, "the connection goes on")
}
