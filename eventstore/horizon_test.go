package eventstore_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// The horizon must not move past an open appender, whatever else commits, and must not be held by anything else.
func TestHorizonIsHeldByAppendersOnly(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	ctx := t.Context()
	store := newStore(t)
	horizon := func() contrail.Position {
		position, err := eventstore.Horizon(ctx, pool)
		require.NoError(t, err)
		return position
	}
	require.Zero(t, horizon())

	reader, err := pool.Begin(ctx)
	require.NoError(t, err)
	defer func() { _ = reader.Rollback(ctx) }()
	_, err = reader.Exec(ctx, `SELECT pg_current_xact_id(), count(*) FROM contrail.events`)
	require.NoError(t, err)

	slow, err := pool.Begin(ctx)
	require.NoError(t, err)
	_, err = store.Append(ctx, slow, contrail.NewStreamID("slow", "1"), eventstore.NoStream, happened("Slow"))
	require.NoError(t, err)
	_, err = appendNow(ctx, pool, contrail.NewStreamID("fast", "1"), eventstore.NoStream, happened("Fast"))
	require.NoError(t, err)
	require.Zero(t, horizon(), "position 1 is still open")
	require.NoError(t, slow.Commit(ctx))
	require.EqualValues(t, 2, horizon())
}

// A prepared transaction holds the horizon as any open appender does: also when its session has ended, and when PostgreSQL has crashed and
// recovered. Whoever finishes it lets the horizon go.
func TestHorizonIsHeldByPreparedTransactions(t *testing.T) {
	t.Parallel()
	pool, server := ownServer(t, map[string]string{"max_prepared_transactions": "5"})
	ctx := t.Context()
	execute := func(sql string) {
		_, err := pool.Exec(ctx, sql)
		require.NoError(t, err)
	}
	horizon := func() contrail.Position {
		position, err := eventstore.Horizon(ctx, pool)
		require.NoError(t, err)
		return position
	}
	for _, stream := range []string{"kept-1", "dropped-1"} {
		execute(`BEGIN; INSERT INTO contrail.events (stream, version, type, data) VALUES ('` + stream + `', 1, 'A', '{}');
			PREPARE TRANSACTION '` + stream + `'`)
	}
	_, err := appendNow(ctx, pool, invoice42, eventstore.NoStream, happened("A"))
	require.NoError(t, err)
	require.Zero(t, horizon())

	pool.Reset() // their session ends
	require.NoError(t, server.Kill())
	require.NoError(t, server.Restart(ctx))
	pool.Reset()
	require.Zero(t, horizon())
	execute(`COMMIT PREPARED 'kept-1'`)
	require.EqualValues(t, 1, horizon())
	execute(`ROLLBACK PREPARED 'dropped-1'`)
	require.GreaterOrEqual(t, horizon(), contrail.Position(3))
	events, err := newFeed(t, connect(t, pool), eventstore.FeedConfig{}).Next(ctx)
	require.NoError(t, err)
	require.Equal(t, []contrail.Position{1, 3}, positionsOf(events))
}

// A savepoint that is rolled back takes its promise along; the next append in the same transaction must promise again.
func TestPromiseFollowsSavepoints(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	ctx := t.Context()
	store := newStore(t)
	tx, err := pool.Begin(ctx)
	require.NoError(t, err)
	savepoint, err := tx.Begin(ctx)
	require.NoError(t, err)
	_, err = store.Append(ctx, savepoint, contrail.NewStreamID("a", "1"), eventstore.NoStream, happened("A"))
	require.NoError(t, err)
	require.NoError(t, savepoint.Rollback(ctx))
	horizon, err := eventstore.Horizon(ctx, pool)
	require.NoError(t, err)
	require.EqualValues(t, 1, horizon, "position 1 is gone")
	recorded, err := store.Append(ctx, tx, contrail.NewStreamID("a", "1"), eventstore.NoStream, happened("A"))
	require.NoError(t, err)
	horizon, err = eventstore.Horizon(ctx, pool)
	require.NoError(t, err)
	require.Less(t, horizon, recorded[0].Position)
	require.NoError(t, tx.Commit(ctx))
}

// A marker that somebody set for the whole session must not switch the promise off.
func TestPromiseIgnoresAMarkerLeftInTheSession(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	conn := connect(t, pool)
	_, err := conn.Exec(t.Context(), `SELECT set_config('contrail.appender', pg_current_xact_id()::text, false)`)
	require.NoError(t, err)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	recorded, err := newStore(t).Append(t.Context(), tx, contrail.NewStreamID("a", "1"), eventstore.NoStream, happened("A"))
	require.NoError(t, err)
	horizon, err := eventstore.Horizon(t.Context(), pool)
	require.NoError(t, err)
	require.Less(t, horizon, recorded[0].Position)
	require.NoError(t, tx.Commit(t.Context()))
}

// Keys hold the low 32 bits of a position: the horizon must be right across the places where these wrap and change their sign.
func TestHorizonAcrossTheWrapOfTheLowBits(t *testing.T) {
	t.Parallel()
	for _, start := range []int64{1<<31 - 3, 1<<32 - 3, 1<<33 + 1<<31 - 3} {
		t.Run(strconv.FormatInt(start, 10), func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			ctx := t.Context()
			_, err := pool.Exec(ctx, `ALTER SEQUENCE contrail.events_position_seq RESTART WITH `+strconv.FormatInt(start, 10))
			require.NoError(t, err)
			slow, err := pool.Begin(ctx)
			require.NoError(t, err)
			recorded, err := newStore(t).Append(ctx, slow, contrail.NewStreamID("slow", "1"), eventstore.NoStream, happened("Slow"))
			require.NoError(t, err)
			require.EqualValues(t, start, recorded[0].Position)
			for i := range 6 {
				_, err := appendNow(ctx, pool, contrail.NewStreamID("fast", strconv.Itoa(i)), eventstore.NoStream, happened("Fast"))
				require.NoError(t, err)
				horizon, err := eventstore.Horizon(ctx, pool)
				require.NoError(t, err)
				require.EqualValues(t, start-1, horizon)
			}
			require.NoError(t, slow.Commit(ctx))
			horizon, err := eventstore.Horizon(ctx, pool)
			require.NoError(t, err)
			require.EqualValues(t, start+6, horizon)
		})
	}
}
