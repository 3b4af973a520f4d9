package subscribers_test

import (
	"context"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
)

// callSQL notes each call of a handler, whatever becomes of its transaction.
const callSQL = `INSERT INTO calls (position, attempt) VALUES ($1, $2)`

func createCalls(tb testing.TB, pool *pgxpool.Pool) {
	tb.Helper()
	_, err := pool.Exec(tb.Context(), `CREATE TABLE calls (position bigint NOT NULL, attempt int NOT NULL)`)
	require.NoError(tb, err)
}

const killWait = 400 * time.Millisecond

// long tells whether tests run in their long form.
func long() bool { return os.Getenv("CONTRAIL_LONG") != "" }

func killConfig(inbox *subscribers.Inbox, maxDeliver int) subscribers.Config {
	return subscribers.Config{
		Durable: "test", Inbox: inbox, AckWait: killWait, MaxDeliver: maxDeliver,
		Backoff: subscribers.Backoff{Min: 10 * time.Millisecond, Max: 40 * time.Millisecond},
	}
}

// killVerdict fails one event for ever.
func killVerdict(e contrail.Delivered[drafted]) error {
	if e.Data.N == poison {
		return errBroken
	}
	return nil
}

// A process is killed at each point where it says something to the database or to the broker, and another one goes on: each event takes effect once, but
// for those that always fail, which are one dead letter each; and no delivery is beyond MaxDeliver. CONTRAIL_LONG=1 kills more often.
func TestKilledAtEachPoint(t *testing.T) {
	t.Parallel()
	for _, at := range append(slices.Sorted(maps.Keys(points())), inside) {
		for _, form := range []string{formTx, formSQL} {
			if form == formSQL && !long() && at != inside && points()[at].after != claimsEvents {
				continue // there is no difference
			}
			t.Run(form+" "+at, func(t *testing.T) {
				t.Parallel()
				const count, streams, maxDeliver = 40, 7, 5
				w, pool := newWorld(t), pgtest.New(t)
				createEffects(t, pool)
				createCalls(t, pool)
				w.publishMany(t, count, streams)
				kills := 1
				if long() {
					kills = 3
				}
				for range kills {
					w.startWired(t, pool, wired{form: form, at: at, maxDeliver: maxDeliver}).killHere(t)
					w.publish(t, "invoice-again", drafted{N: poison}) // so that each kind of point comes again
					w.publish(t, "invoice-again", drafted{N: slow})
				}
				w.finish(t, pool, form, maxDeliver)
				w.accounted(t, pool, count+2*kills, 1+kills, maxDeliver)
			})
		}
	}
}

// killHere kills the child when it has come to its point.
func (c *child) killHere(tb testing.TB) {
	tb.Helper()
	c.awaitLine(tb, "here")
	c.kill(tb)
}

// finish runs a subscription that is not killed until there is nothing left to do.
func (w *world) finish(tb testing.TB, pool *pgxpool.Pool, form string, maxDeliver int) {
	tb.Helper()
	sub := w.subscribe(tb, killConfig(inboxOf(tb, pool, form), maxDeliver))
	register(sub, form, pool, func(ctx context.Context, e contrail.Delivered[drafted]) error {
		if _, err := pool.Exec(ctx, callSQL, e.Position, e.Delivery.Attempt); err != nil {
			return err
		}
		return killVerdict(e)
	})
	run(tb, sub)
	w.settled(tb)
}

// accounted wants all of count events in effect, but for those that always fail, which are dead letters.
func (w *world) accounted(tb testing.TB, pool *pgxpool.Pool, count, failing, maxDeliver int) {
	tb.Helper()
	for _, letter := range w.awaitLetters(tb, failing) {
		require.Equal(tb, poison, numberIn(tb, letter))
		require.Contains(tb, []subscribers.Reason{subscribers.ReasonExhausted, subscribers.ReasonCrashed}, letter.Reason)
		require.Equal(tb, maxDeliver, letter.Deliveries)
	}
	events, times := effects(tb, pool)
	require.Equal(tb, [2]int{count - failing, count - failing}, [2]int{events, times})
	var last, most int
	require.NoError(tb, pool.QueryRow(tb.Context(), `SELECT max(attempt), max(calls)
		FROM (SELECT attempt, count(*) AS calls FROM calls GROUP BY position, attempt) AS each`).Scan(&last, &most))
	require.LessOrEqual(tb, last, maxDeliver)
	require.LessOrEqual(tb, most, 2, "for each delivery: once in a batch, and once alone")
}
