package subscribers_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
)

// seeds is how many schedules are tried.
func seeds() uint64 {
	if long() {
		return 25
	}
	return 2
}

// chance decides by seed, event and attempt, so that a seed tells the same story each time.
func chance(seed uint64, position contrail.Position, attempt, in int) bool {
	source := rand.New(rand.NewPCG(seed, uint64(position)<<8|uint64(attempt)))
	return source.IntN(in) == 0
}

// Events of one stream are handled one after another and in order, whatever fails, however many workers there are, though some take longer than
// AckWait, and, with CONTRAIL_LONG=1, though the broker is restarted.
func TestOrderUnderRetriesAndRedelivery(t *testing.T) {
	t.Parallel()
	const count, streams = 200, 12
	for seed := range seeds() {
		for _, workers := range []int{1, 16} {
			t.Run(fmt.Sprintf("seed %d, %d workers", seed, workers), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				observed := newOrder()
				sub := w.subscribe(t, subscribers.Config{
					Concurrency: workers, MaxDeliver: 60, AckWait: 200 * time.Millisecond, MaxAckPending: 40,
					Backoff: subscribers.Backoff{Min: time.Millisecond, Max: 20 * time.Millisecond},
				})
				subscribers.Handle(sub, func(ctx context.Context, e contrail.Delivered[drafted]) (err error) {
					observed.begin(e)
					returned := false
					defer func() { observed.end(e, returned && err == nil) }()
					switch attempt := e.Delivery.Attempt; {
					case attempt < 5 && chance(seed, e.Position, attempt, 6):
						return errBroken
					case attempt < 5 && chance(seed+99, e.Position, attempt, 30):
						panic("by chance")
					case chance(seed, e.Position, 0, 80): // takes longer than AckWait
						select {
						case <-time.After(300 * time.Millisecond):
						case <-ctx.Done():
						}
					}
					returned = true
					return ctx.Err()
				})
				run(t, sub)
				w.publishMany(t, count, streams)
				if long() && seed%2 == 1 {
					w.restart(t)
				}
				w.settled(t)
				observed.check(t, count)
				require.NotZero(t, sub.Stats().Retried)
				require.Empty(t, w.deadLetters(t))
			})
		}
	}
}

// The same in shared transactions: within a stream what is committed later has a later version, also when a batch is broken up.
func TestOrderInBatchesUnderRetries(t *testing.T) {
	t.Parallel()
	const count, streams = 300, 6
	for seed := range seeds() {
		for _, batch := range []int{3, 100} {
			t.Run(fmt.Sprintf("seed %d, batches of %d", seed, batch), func(t *testing.T) {
				t.Parallel()
				w, pool := newWorld(t), pgtest.New(t)
				_, err := pool.Exec(t.Context(), `CREATE TABLE seen (id bigserial, stream text, version bigint)`)
				require.NoError(t, err)
				sub := w.subscribe(t, subscribers.Config{
					Inbox: subscribers.NewInbox(pool), InboxBatch: batch, MaxDeliver: 60, AckWait: 300 * time.Millisecond,
					Backoff: subscribers.Backoff{Min: time.Millisecond, Max: 20 * time.Millisecond},
				})
				subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[drafted]) error {
					if _, err := tx.Exec(ctx, `INSERT INTO seen (stream, version) VALUES ($1, $2)`, e.Stream.String(), e.Version); err != nil {
						return err
					}
					if e.Delivery.Attempt < 5 && chance(seed, e.Position, e.Delivery.Attempt, 8) {
						return errBroken
					}
					return nil
				})
				run(t, sub)
				w.publishMany(t, count, streams)
				if long() && seed%2 == 1 {
					w.restart(t)
				}
				w.settled(t)
				var events, outOfOrder int
				require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*), count(*) FILTER (WHERE version <> rank) FROM (
					SELECT version, row_number() OVER (PARTITION BY stream ORDER BY id) AS rank FROM seen) AS s`).Scan(&events, &outOfOrder))
				require.Equal(t, [2]int{count, 0}, [2]int{events, outOfOrder})
				require.NotZero(t, sub.Stats().Retried)
			})
		}
	}
}
