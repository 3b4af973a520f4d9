package subscribers_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
)

const overrunLimit = 200 * time.Millisecond

// A handler that is still at work when its time is up learns it from its ctx, and why. Its event is tried again, and at last a dead letter.
func TestOverrunEndsTheCtxWithACause(t *testing.T) {
	t.Parallel()
	for _, form := range []string{formPlain, formTx, formSQL} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			w.publishMany(t, 12, 4)
			sub := w.subscribe(t, overrunConfig(inboxOf(t, pool, form)))
			var bounded atomic.Int64
			register(sub, form, pool, func(ctx context.Context, e contrail.Delivered[drafted]) error {
				if e.Data.N != 5 {
					return nil
				}
				if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= overrunLimit {
					bounded.Add(1)
				}
				<-ctx.Done()
				return context.Cause(ctx)
			})
			run(t, sub)
			w.settled(t)
			letter := w.awaitLetters(t, 1)[0]
			require.Equal(t, [2]any{subscribers.ReasonExhausted, 2}, [2]any{letter.Reason, letter.Deliveries})
			require.Equal(t, "the handler's time is up (Config.HandlerTimeout)", letter.Error)
			require.GreaterOrEqual(t, bounded.Load(), int64(2))
			events, times := effects(t, pool)
			require.Equal(t, [2]int{11, 11}, [2]int{events, times})
		})
	}
}

// A handler that never returns is given up: its transaction is over, so that others can lock what it had locked, its event is tried again and at last a
// dead letter, the others go on, on as many workers as before, and Run ends without it. What it does when it returns after all is of no consequence.
func TestHandlerThatNeverReturns(t *testing.T) {
	t.Parallel()
	for _, form := range []string{formPlain, formTx, formSQL} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			const count, stuck = 12, 5
			w.publishMany(t, count, 4)
			sub := w.subscribe(t, overrunConfig(inboxOf(t, pool, form)))
			held := newStuckHandlers(t)
			register(sub, form, pool, func(_ context.Context, e contrail.Delivered[drafted]) error {
				if e.Data.N == stuck {
					held.wait()
				}
				return nil
			})
			stop := run(t, sub)
			letter := w.awaitLetters(t, 1)[0]
			require.Equal(t, [2]any{subscribers.ReasonExhausted, 2}, [2]any{letter.Reason, letter.Deliveries})
			require.Equal(t, "the handler did not return within 400ms, nor when its ctx had ended; it was given up", letter.Error)
			w.settled(t)
			require.NotZero(t, held.now(), "it has not returned")

			_, err := pool.Exec(t.Context(), `INSERT INTO effects VALUES ($1, 1)`, stuck+1) // it waits for no lock
			require.NoError(t, err)
			_, err = pool.Exec(t.Context(), `DELETE FROM effects WHERE position = $1`, stuck+1)
			require.NoError(t, err)
			w.publishMany(t, 4, 4) // numbers 0 to 3
			w.settled(t)
			stop()
			require.NotZero(t, held.now(), "Run does not wait for it")
			held.letGo()
			want := count - 1 + 4
			events, times := effects(t, pool)
			require.Equal(t, [2]int{want, want}, [2]int{events, times})
			require.Equal(t, int64(want), sub.Stats().Handled)
		})
	}
}

// Handlers that never return take no workers along: as many as before still run side by side.
func TestStuckHandlersLeaveTheWorkers(t *testing.T) {
	t.Parallel()
	const workers = 3
	w := newWorld(t)
	config := overrunConfig(nil)
	config.Concurrency, config.MaxDeliver = workers, 1
	sub := w.subscribe(t, config)
	held := newStuckHandlers(t)
	together := make(chan struct{})
	var arrived atomic.Int64
	subscribers.Handle(sub, func(ctx context.Context, e contrail.Delivered[drafted]) error {
		if e.Data.N < workers {
			held.wait()
			return nil
		}
		if arrived.Add(1) == workers {
			close(together)
		}
		select {
		case <-together:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	run(t, sub)
	w.publishMany(t, workers, workers)
	w.awaitLetters(t, workers)
	for n := range workers {
		w.publish(t, "contact-"+string(rune('a'+n)), drafted{N: workers})
	}
	receive(t, together)
	w.settled(t)
	require.Len(t, w.deadLetters(t), workers)
}

// A handler that was given up, and returns after all, finds that its transaction is over: the handlers of the events behind it in the same transaction are
// not called once more.
func TestStuckHandlerIsNotFollowedByOthers(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	const count = 6
	w.publishMany(t, count, 1)
	config := overrunConfig(subscribers.NewInbox(pool))
	config.Concurrency = 1
	sub := w.subscribe(t, config)
	held := newStuckHandlers(t)
	var handled calls
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[drafted]) error {
		handled.add(e.Data.N)
		err := takeEffect(ctx, tx, e)
		if e.Data.N == 1 {
			held.wait()
		}
		return err
	})
	run(t, sub)
	w.awaitLetters(t, 1)
	w.settled(t)
	var before [count]int
	for n := range count {
		before[n] = handled.of(n)
	}
	held.letGo()
	eventually(t, func() bool { return pool.Stat().AcquiredConns() == 0 })
	for n := range count {
		require.Equal(t, before[n], handled.of(n), "event %d", n)
	}
	events, times := effects(t, pool)
	require.Equal(t, [2]int{count - 1, count - 1}, [2]int{events, times})
}

// Where the pool has just as many connections as there are workers, handlers that never return must not keep them.
func TestStuckHandlersLeaveTheConnections(t *testing.T) {
	t.Parallel()
	for _, form := range []string{formTx, formSQL} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			const workers, count = 2, 12
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			config := overrunConfig(smallInbox(t, pool, form, workers))
			config.Concurrency, config.MaxDeliver = workers, 3
			sub := w.subscribe(t, config)
			held := newStuckHandlers(t)
			register(sub, form, pool, func(_ context.Context, e contrail.Delivered[drafted]) error {
				if e.Data.N == 5 {
					held.wait()
				}
				return nil
			})
			w.publishMany(t, count, 4)
			run(t, sub)
			w.awaitLetters(t, 1)
			w.settled(t)
			events, times := effects(t, pool)
			require.Equal(t, [2]int{count - 1, count - 1}, [2]int{events, times})
		})
	}
}

func overrunConfig(inbox *subscribers.Inbox) subscribers.Config {
	return subscribers.Config{Inbox: inbox, HandlerTimeout: overrunLimit, MaxDeliver: 2, DrainTimeout: time.Second}
}

// smallInbox is one with so many connections.
func smallInbox(tb testing.TB, pool *pgxpool.Pool, form string, connections int) *subscribers.Inbox {
	tb.Helper()
	config := pool.Config()
	if form == formSQL {
		db := stdlib.OpenDB(*config.ConnConfig)
		db.SetMaxOpenConns(connections)
		tb.Cleanup(func() { require.NoError(tb, db.Close()) })
		return subscribers.NewInboxSQL(db)
	}
	config.MaxConns = int32(connections)
	small, err := pgxpool.NewWithConfig(tb.Context(), config)
	require.NoError(tb, err)
	tb.Cleanup(small.Close)
	return subscribers.NewInbox(small)
}

// stuckHandlers wait until the test lets them go, at its end at the latest.
type stuckHandlers struct {
	tb     testing.TB
	gone   chan struct{}
	inside atomic.Int64
	open   func()
}

func newStuckHandlers(tb testing.TB) *stuckHandlers {
	tb.Helper()
	s := &stuckHandlers{tb: tb, gone: make(chan struct{})}
	s.open = sync.OnceFunc(func() { close(s.gone) })
	tb.Cleanup(s.letGo)
	return s
}

func (s *stuckHandlers) wait() {
	s.inside.Add(1)
	defer s.inside.Add(-1)
	<-s.gone
}

func (s *stuckHandlers) now() int64 { return s.inside.Load() }

// letGo returns when they have gone.
func (s *stuckHandlers) letGo() {
	s.tb.Helper()
	s.open()
	eventually(s.tb, func() bool { return s.now() == 0 })
}
