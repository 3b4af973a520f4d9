package eventstore_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// byTransactionSQL is how a store without positions of its own puts events in order: by the id of the transaction that wrote them.
const byTransactionSQL = `SELECT version FROM contrail.events ORDER BY xmin::text::bigint, position`

// belowOldestSQL is what goes with it: only what is older than every open transaction of the cluster is handed out.
const belowOldestSQL = `SELECT version FROM contrail.events
	WHERE xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint ORDER BY xmin::text::bigint, position`

// The writer of version 4 has its transaction id before the writer of version 3, because it began with some other work. A reader that
// goes by transaction ids hands out 4 before 3; the feed goes by positions, and these ascend with an aggregate's versions.
func TestOrderByTransactionIDWouldInvertVersions(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	ctx, store := t.Context(), newStore(t)
	_, err := appendNow(ctx, pool, invoice42, eventstore.NoStream, happened("First"), happened("Second"))
	require.NoError(t, err)

	fourth, err := pool.Begin(ctx)
	require.NoError(t, err)
	defer func() { _ = fourth.Rollback(ctx) }()
	_, err = fourth.Exec(ctx, `SELECT pg_current_xact_id()`) // as any write to the service's own tables does
	require.NoError(t, err)
	_, err = appendNow(ctx, pool, invoice42, eventstore.Exactly(2), happened("Third"))
	require.NoError(t, err)
	_, err = store.Append(ctx, fourth, invoice42, eventstore.Exactly(3), happened("Fourth"))
	require.NoError(t, err)
	require.NoError(t, fourth.Commit(ctx))

	require.Equal(t, []int64{1, 2, 4, 3}, versions(t, pool, byTransactionSQL), "the inversion")
	require.Equal(t, []int64{1, 2, 3, 4}, fed(t, connect(t, pool)))
}

// The same two transactions, read in between: the reader by transaction ids has to wait for a transaction that has appended nothing yet,
// the feed has not.
func TestOrderByTransactionIDWouldWaitForStrangers(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	ctx := t.Context()
	stranger, err := pool.Begin(ctx)
	require.NoError(t, err)
	defer func() { _ = stranger.Rollback(ctx) }()
	_, err = stranger.Exec(ctx, `SELECT pg_current_xact_id()`)
	require.NoError(t, err)
	_, err = appendNow(ctx, pool, invoice42, eventstore.NoStream, happened("First"))
	require.NoError(t, err)

	require.Empty(t, versions(t, pool, belowOldestSQL), "held back by a transaction that appends nothing")
	require.Equal(t, []int64{1}, fed(t, connect(t, pool)))
	require.NoError(t, stranger.Rollback(ctx))
}

func versions(tb testing.TB, db eventstore.Querier, statement string) []int64 {
	tb.Helper()
	rows, err := db.Query(tb.Context(), statement)
	require.NoError(tb, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	require.NoError(tb, err)
	return found
}

// fed returns the versions of all that a new feed hands out, an event at a time.
func fed(tb testing.TB, conn *pgx.Conn) (found []int64) {
	tb.Helper()
	feed := newFeed(tb, conn, eventstore.FeedConfig{BatchEvents: 1})
	for {
		events, err := feed.Next(tb.Context())
		require.NoError(tb, err)
		if len(events) == 0 {
			return found
		}
		require.Equal(tb, []contrail.StreamID{invoice42}, []contrail.StreamID{events[0].Stream})
		found = append(found, events[0].Version)
	}
}
