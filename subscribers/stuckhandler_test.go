package subscribers_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
)

// An event whose handler never returns is given up more often than the pool has connections, and the pool has them all when it is a dead letter.
func TestStuckHandlersDoNotExhaustThePool(t *testing.T) {
	t.Parallel()
	w, full := newWorld(t), pgtest.New(t)
	createEffects(t, full)
	config := full.Config()
	config.MaxConns = 4
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	const count = 40
	w.publishMany(t, count, 10)
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool), HandlerTimeout: overrunLimit / 2, InboxBatch: 1})
	held := newStuckHandlers(t)
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[drafted]) error {
		if e.Data.N == 7 {
			held.wait()
		}
		return takeEffect(ctx, tx, e)
	})
	run(t, sub)
	letter := w.awaitLetters(t, 1)[0]
	require.Greater(t, letter.Deliveries, int(config.MaxConns))
	w.publish(t, "invoice-99", drafted{N: count})
	w.settled(t)
	events, times := effects(t, full)
	require.Equal(t, [2]int{count, count}, [2]int{events, times})
	eventually(t, func() bool { return pool.Stat().AcquiredConns() == 0 })
}

// A handler that was given up returns when its event, and all behind it in its transaction, are handled: no handler is called once more.
func TestStuckHandlerThatReturnsLateIsOfNoConsequence(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	const count = 10
	w.publishMany(t, count, count)
	config := overrunConfig(subscribers.NewInbox(pool))
	config.Concurrency = 1
	sub := w.subscribe(t, config)
	held := newStuckHandlers(t)
	var handled calls
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[drafted]) error {
		handled.add(e.Data.N)
		if e.Data.N == 0 && handled.of(0) == 1 {
			held.wait()
		}
		return takeEffect(ctx, tx, e)
	})
	stop := run(t, sub)
	w.settled(t)
	require.Equal(t, 2, handled.of(0))
	before := sub.Stats()
	held.letGo()
	eventually(t, func() bool { return pool.Stat().AcquiredConns() == 0 })
	stop()
	require.Equal(t, before, sub.Stats())
	for n := 1; n < count; n++ {
		require.Equal(t, 1, handled.of(n), "event %d", n)
	}
	events, times := effects(t, pool)
	require.Equal(t, [2]int{count, count}, [2]int{events, times})
}

// endless is a statement that only the server ends.
const endless = `SELECT pg_sleep(1000)`

// A handler that is given up in the midst of a statement, which it does not let its ctx end: the server ends the statement, so that the event's row is free for
// its next attempt.
func TestHandlerThatNeverReturnsFromAStatement(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"", "postgres"} {
		t.Run("driver "+driver, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			const count = 12
			w.publishMany(t, count, 4)
			t.Cleanup(func() {
				ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
				defer cancel()
				_, _ = pool.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = $1 AND datname = current_database()`, endless)
			})
			var sub *subscribers.Subscription
			if driver == "" {
				sub = w.subscribe(t, overrunConfig(subscribers.NewInbox(pool)))
				subscribers.HandleTx(sub, sleepInTx)
			} else {
				sub = w.subscribe(t, overrunConfig(subscribers.NewInboxSQL(openSQL(t, driver, pool.Config().ConnString()))))
				subscribers.HandleSQL(sub, sleepInSQL)
			}
			run(t, sub)
			w.awaitLetters(t, 1)
			w.settled(t)
			events, times := effects(t, pool)
			require.Equal(t, [2]int{count - 1, count - 1}, [2]int{events, times})
		})
	}
}

// sleepInTx never returns for one event.
func sleepInTx(ctx context.Context, tx pgx.Tx, e contrail.Delivered[drafted]) error {
	if e.Data.N == 5 {
		_, err := tx.Exec(context.WithoutCancel(ctx), endless)
		return err
	}
	return takeEffect(ctx, tx, e)
}

// sleepInSQL does so on database/sql.
func sleepInSQL(ctx context.Context, tx *sql.Tx, e contrail.Delivered[drafted]) error {
	if e.Data.N == 5 {
		_, err := tx.ExecContext(context.WithoutCancel(ctx), endless)
		return err
	}
	return takeEffectSQL(ctx, tx, e)
}
