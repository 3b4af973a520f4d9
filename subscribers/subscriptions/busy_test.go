package subscriptions_test

import (
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// Two processes, many streams, events that keep coming, and resets in the midst: behind each reset every event that was there takes effect once
// more, and none more than that.
func TestResetOfABusySubscription(t *testing.T) {
	t.Parallel()
	const resets, perReset, streams = 6, 100, 7
	w := newWorld(t)
	for range 2 {
		w.run(w.subscribe(subscribers.Config{InboxBatch: 8, Concurrency: 4, MaxAckPending: 50}))
	}
	names := []string{"a-1", "a-2", "a-3", "b-1", "b-2", "b-3", "c-1"}
	require.Len(t, names, streams)
	w.append(names[0], perReset)
	w.await(func(got subscriptions.Subscription) bool { return got.Delivered.Sequence > 0 })
	for reset := range resets {
		before := w.lastEffect()
		var publishing sync.WaitGroup
		publishing.Go(func() {
			for n := range perReset {
				w.append(names[n%streams], 1)
			}
		})
		to := subscriptions.ResetTo{Forget: true}
		if reset%2 == 0 {
			to.Settle = -1
		}
		_, err := subscriptions.Reset(t.Context(), w.js, w.pool, w.name, to)
		require.NoError(t, err)
		publishing.Wait()
		w.await(func(got subscriptions.Subscription) bool { return got.Lag == 0 && got.Delivered.Position == w.position })
		counts := w.effectsSince(before)
		for position := contrail.Position(1); position <= w.position; position++ {
			require.GreaterOrEqual(t, counts[position], 1, "position %d was lost by reset %d", position, reset)
			require.LessOrEqual(t, counts[position], 2, "position %d", position)
		}
	}
}

func (w *world) lastEffect() (n int64) {
	w.Helper()
	require.NoError(w, w.pool.QueryRow(w.Context(), `SELECT coalesce(max(n), 0) FROM effects`).Scan(&n))
	return n
}

// effectsSince counts the effects of each event behind one.
func (w *world) effectsSince(n int64) map[contrail.Position]int {
	w.Helper()
	rows, err := w.pool.Query(w.Context(), `SELECT position FROM effects WHERE n > $1`, n) //nolint:rowserrcheck // ForEachRow checks it
	require.NoError(w, err)
	counts := map[contrail.Position]int{}
	var position contrail.Position
	_, err = pgx.ForEachRow(rows, []any{&position}, func() error {
		counts[position]++
		return nil
	})
	require.NoError(w, err)
	return counts
}
