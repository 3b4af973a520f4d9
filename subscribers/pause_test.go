package subscribers_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/projections"
)

func (w *storedWorld) pause(tb testing.TB) {
	tb.Helper()
	paused, err := projections.Pause(tb.Context(), w.pool, "test", projections.Order{By: "ada", Because: "of a test"})
	require.NoError(tb, err)
	require.Equal(tb, "ada", paused.By)
}

func (w *storedWorld) resume(tb testing.TB) {
	tb.Helper()
	require.NoError(tb, projections.Resume(tb.Context(), w.pool, "test"))
}

// When Pause has returned the handler is over, and is not called until Resume; then nothing is missing, and nothing was read anew.
func TestPauseIsExact(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	logged := newLog()
	var calls atomic.Int64
	var paused atomic.Bool
	run(t, w.projection(t, w.pool, subscribers.ProjectionConfig{Batch: 2, Tables: modelTables, Logger: logged.logger()},
		func(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
			calls.Add(1)
			err := projectModel(ctx, tx, events)
			if paused.Load() {
				t.Errorf("it is projected after all: %d", events[0].Position)
			}
			return err
		}))
	w.relay(t, 10, 3)
	w.reaches(t, w.pool)
	for round := range 5 {
		before := calls.Load()
		w.relay(t, 10*round, 3)
		eventually(t, func() bool { return round == 0 || calls.Load() > before })
		w.pause(t)
		paused.Store(true)
		w.relay(t, 10, 3)
		at := w.positions(t)
		logged.await(t, "projection is paused")
		require.Equal(t, at, w.positions(t))
		paused.Store(false)
		w.resume(t)
		logged.await(t, "projection is resumed")
		w.reaches(t, w.pool)
		require.Equal(t, upTo(w.position), w.positions(t))
	}
	logged.never(t, "projection is active")
	logged.never(t, "projection is interrupted")
	logged.never(t, "trying again")
}

// A rebuild waits, and goes on; who waits for it is told why.
func TestPauseHoldsARebuild(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	projection := w.model(t, subscribers.ProjectionConfig{Batch: 5})
	halfDone, proceed := make(chan struct{}), make(chan struct{})
	var paused, met atomic.Bool
	projection.OnFilled(func(contrail.Position) {
		if paused.Load() {
			t.Error("it is rebuilt after all")
		}
		if met.CompareAndSwap(false, true) {
			close(halfDone)
			<-proceed
		}
	})
	run(t, projection)
	w.relay(t, 100, 3)
	w.reaches(t, w.pool)
	asked := w.ask(t)
	receive(t, halfDone)
	w.pause(t)
	paused.Store(true)
	close(proceed)
	ctx, cancel := context.WithTimeout(t.Context(), shortWait)
	defer cancel()
	_, err := projections.Await(ctx, w.pool, asked, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "it is paused")
	paused.Store(false)
	w.resume(t)
	done := w.awaitDone(t, asked)
	require.EqualValues(t, 100, done.Events)
	require.Equal(t, upTo(w.position), w.positions(t))
}

// It stays the active one while it is paused, and one that starts meanwhile stands by; who takes over is paused as well.
func TestPausedProjectionIsTakenOver(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	stop := run(t, w.model(t, subscribers.ProjectionConfig{}))
	w.relay(t, 10, 3)
	w.reaches(t, w.pool)
	w.pause(t)
	w.relay(t, 10, 3)
	logged := newLog()
	run(t, w.model(t, subscribers.ProjectionConfig{Logger: logged.logger()}))
	logged.await(t, "stands by")
	logged.never(t, "projection is paused")
	stop()
	logged.await(t, "projection is paused")
	require.Equal(t, upTo(10), w.positions(t))
	w.resume(t)
	w.reaches(t, w.pool)
	require.Equal(t, upTo(20), w.positions(t))
}

// It is resumed at the moment at which the active process asks why it may not go on: it goes on, in the same term.
func TestResumedWhileTheReasonIsAsked(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	logged := newLog()
	var once sync.Once
	config := w.pool.Config()
	config.ConnConfig.Tracer = beforeQuery(func(sql string) {
		if strings.Contains(sql, "rebuilds <> ") { // in front of it the move was refused
			once.Do(func() { w.resume(t) })
		}
	})
	traced, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(traced.Close)
	run(t, w.projection(t, traced, subscribers.ProjectionConfig{Tables: modelTables, Logger: logged.logger()}, projectModel))
	w.relay(t, 10, 3)
	w.reaches(t, w.pool)
	w.pause(t)
	w.relay(t, 10, 3)
	w.reaches(t, w.pool)
	require.Equal(t, upTo(w.position), w.positions(t))
	logged.never(t, "projection is interrupted")
}

// beforeQuery is called before each statement of a connection.
type beforeQuery func(sql string)

func (f beforeQuery) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	f(data.SQL)
	return ctx
}

func (beforeQuery) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
