package eventstore_test

import (
	"math"
	"testing"

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

// Whoever wants no bound says so with the greatest number there is.
func TestFeedTakesTheGreatestBounds(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	_, err := pool.Exec(t.Context(), fillSQL, 50, 10)
	require.NoError(t, err)
	feed := newFeed(t, connect(t, pool), eventstore.FeedConfig{BatchEvents: math.MaxInt, BatchBytes: math.MaxInt})
	for range 2 {
		events, err := feed.Next(t.Context())
		require.NoError(t, err)
		require.Len(t, events, 50)
		_, err = pool.Exec(t.Context(), fillSQL, 50, 10)
		require.NoError(t, err)
	}
}
