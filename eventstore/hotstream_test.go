package eventstore_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// widePool is a database of the test's own with a connection for each of n writers, so that the pool is not where they queue.
func widePool(tb testing.TB, n int32) *pgxpool.Pool {
	tb.Helper()
	config, err := pgxpool.ParseConfig(pgtest.NewURL(tb))
	require.NoError(tb, err)
	config.MaxConns = n
	pool, err := pgxpool.NewWithConfig(tb.Context(), config)
	require.NoError(tb, err)
	tb.Cleanup(pool.Close)
	return pool
}

// With Any, writers of one stream wait for one another: at READ COMMITTED none fails, and the versions have no gap.
func TestAnyQueuesOnAHotStream(t *testing.T) {
	t.Parallel()
	const writers, appends = 32, 20
	pool := widePool(t, writers)
	versions := make([][]int64, writers)
	var all sync.WaitGroup
	for writer := range writers {
		all.Go(func() {
			for range appends {
				recorded, err := appendNow(t.Context(), pool, invoice42, eventstore.Any, happened("A"))
				if err != nil {
					t.Errorf("writer %d: %v", writer, err)
					return
				}
				versions[writer] = append(versions[writer], recorded[0].Version)
			}
		})
	}
	all.Wait()

	events := load(t, pool, invoice42, 0)
	require.Len(t, events, writers*appends)
	last := contrail.Position(0)
	for i, event := range events {
		require.EqualValues(t, i+1, event.Version)
		require.Greater(t, event.Position, last, "positions ascend as versions do")
		last = event.Position
	}
	for _, own := range versions {
		require.IsIncreasing(t, own, "a writer's own appends stay in order")
	}
	claimed := slices.Concat(versions...)
	slices.Sort(claimed)
	require.Len(t, slices.Compact(claimed), writers*appends, "each version was given to one append")
}
