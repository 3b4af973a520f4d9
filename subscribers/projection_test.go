package subscribers_test

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

func (w *world) projection(
	tb testing.TB, pool *pgxpool.Pool, config subscribers.ProjectionConfig, project subscribers.ProjectFunc,
) *subscribers.Projection {
	tb.Helper()
	config.Name = "test"
	config.Standby = 20 * time.Millisecond
	config.Backoff = subscribers.Backoff{Min: 10 * time.Millisecond, Max: 40 * time.Millisecond}
	projection, err := subscribers.NewProjection(w.js, pool, config, project)
	require.NoError(tb, err)
	return projection
}

// reaches waits until the checkpoint is at the last event published.
func (w *world) reaches(tb testing.TB, pool *pgxpool.Pool) {
	tb.Helper()
	eventually(tb, func() bool {
		at, err := subscribers.Checkpoint(tb.Context(), pool, "test")
		return err == nil && at == w.position
	})
}

func TestProjectionExactlyOnceOverKills(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	const count = 40
	w.publishMany(t, count, 7)
	for range 3 {
		w.killAfterCommit(t, pool, "projection")
	}
	at, err := subscribers.Checkpoint(t.Context(), pool, "test")
	require.NoError(t, err)
	require.Greater(t, at, contrail.Position(0))
	run(t, w.projection(t, pool, subscribers.ProjectionConfig{}, projectEffect))
	w.reaches(t, pool)
	events, times := effects(t, pool)
	require.Equal(t, [2]int{count, count}, [2]int{events, times})
}

func TestProjectionHasOneActiveProcess(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	var who [2]atomic.Int64
	start := func(i int) (stop func()) {
		return run(t, w.projection(t, pool, subscribers.ProjectionConfig{},
			func(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
				who[i].Add(int64(len(events)))
				return projectEffect(ctx, tx, events)
			}))
	}
	w.publishMany(t, 20, 3)
	stop := start(0)
	w.reaches(t, pool)
	start(1)
	w.publishMany(t, 20, 3)
	w.reaches(t, pool)
	require.Equal(t, [2]int64{40, 0}, [2]int64{who[0].Load(), who[1].Load()}, "the standby stands by")
	stop()
	w.publishMany(t, 20, 3)
	w.reaches(t, pool)
	require.Equal(t, [2]int64{40, 20}, [2]int64{who[0].Load(), who[1].Load()}, "the standby takes over")
	events, times := effects(t, pool)
	require.Equal(t, [2]int{60, 60}, [2]int{events, times})
}

// Somebody else moves the checkpoint: what this process has in hand must not be projected on top.
func TestProjectionNoticesAnotherWriter(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	logged := newLog()
	run(t, w.projection(t, pool, subscribers.ProjectionConfig{Logger: logged.logger()}, projectEffect))
	w.publishMany(t, 3, 1)
	w.reaches(t, pool)
	_, err := pool.Exec(t.Context(), `UPDATE contrail.projections SET position = 5, sequence = 5 WHERE name = 'test'`)
	require.NoError(t, err)
	w.publishMany(t, 4, 1)
	logged.await(t, "another process has moved the checkpoint")
	w.reaches(t, pool)
	events, times := effects(t, pool)
	require.Equal(t, [2]int{5, 5}, [2]int{events, times}, "1 to 3, 6 and 7")
}

// The stream is lost and published again, with other sequences: the projection goes on where it was, and leaves out what it has.
func TestProjectionOverARebuiltStream(t *testing.T) {
	t.Parallel()
	for name, whileRunning := range map[string]bool{"stopped": false, "running": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			stop := run(t, w.projection(t, pool, subscribers.ProjectionConfig{}, projectEffect))
			var all []contrail.Recorded
			for n := range 10 {
				all = append(all, w.publish(t, "invoice-1", drafted{N: n}))
			}
			w.reaches(t, pool)
			if !whileRunning {
				stop()
			}
			require.NoError(t, w.js.DeleteStream(t.Context(), wire.DefaultStream))
			w.createStream(t)
			for _, event := range all[4:] { // as if the first had aged out of the store's feed
				w.send(t, event)
			}
			for n := range 10 {
				w.publish(t, "invoice-1", drafted{N: n})
			}
			if !whileRunning {
				run(t, w.projection(t, pool, subscribers.ProjectionConfig{}, projectEffect))
			}
			w.reaches(t, pool)
			events, times := effects(t, pool)
			require.Equal(t, [2]int{20, 20}, [2]int{events, times})
		})
	}
}

// The stream is replaced while the projection is cut off. The client library goes on at the next sequence, which stands for another event
// now: that must not go unnoticed.
func TestProjectionOverAStreamReplacedBehindItsBack(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	cutOff := &gate{}
	run(t, (&world{js: cutOff.through(t, w)}).projection(t, pool, subscribers.ProjectionConfig{}, projectEffect))
	var all []contrail.Recorded
	for n := range 10 {
		all = append(all, w.publish(t, "invoice-1", drafted{N: n}))
	}
	w.reaches(t, pool)
	cutOff.cut(t)
	require.NoError(t, w.js.DeleteStream(t.Context(), wire.DefaultStream))
	w.createStream(t)
	for _, event := range all[8:] {
		w.send(t, event)
	}
	for n := range 10 { // sequences 3 to 12: going on at 11 would miss eight
		w.publish(t, "invoice-1", drafted{N: n})
	}
	cutOff.lift()
	w.reaches(t, pool)
	events, times := effects(t, pool)
	require.Equal(t, [2]int{20, 20}, [2]int{events, times})
}

func TestProjectionRetriesAndSkipsNothing(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	w.publishMany(t, 9, 2)
	var tries atomic.Int64
	run(t, w.projection(t, pool, subscribers.ProjectionConfig{Batch: 4},
		func(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
			if err := projectEffect(ctx, tx, events); err != nil {
				return err
			}
			switch n := tries.Add(1); {
			case n < 5:
				return errBroken
			case n == 5:
				panic("at the disco")
			case n == 6:
				runtime.Goexit()
			}
			return nil
		}))
	w.reaches(t, pool)
	events, times := effects(t, pool)
	require.Equal(t, [2]int{9, 9}, [2]int{events, times})
}

func TestProjectionStopsAtWhatNoRetryCures(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	w.publishMany(t, 3, 1)
	_, err := w.js.PublishMsg(t.Context(), &nats.Msg{Subject: "events.foo.1.Bar", Data: []byte("hello")})
	require.NoError(t, err)
	err = w.projection(t, pool, subscribers.ProjectionConfig{}, projectEffect).Run(t.Context())
	require.ErrorContains(t, err, "projection test: stream EVENTS, sequence 4, subject events.foo.1.Bar: not an event of Contrail's")
	at, err := subscribers.Checkpoint(t.Context(), pool, "test")
	require.NoError(t, err)
	require.Equal(t, contrail.Position(3), at, "what stands before it is projected")

	_, err = pool.Exec(t.Context(), `DELETE FROM contrail.projections`)
	require.NoError(t, err)
	err = w.projection(t, pool, subscribers.ProjectionConfig{},
		func(context.Context, pgx.Tx, []contrail.Delivered[json.RawMessage]) error {
			return contrail.Permanent(errBroken)
		}).Run(t.Context())
	require.ErrorIs(t, err, errBroken)
}

func TestProjectionReadsItsFilterOnly(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	w.publish(t, "contact-1", drafted{})
	w.publish(t, "invoice-1", issued{})
	w.publish(t, "invoice-1", drafted{})
	run(t, w.projection(t, pool, subscribers.ProjectionConfig{Filter: []string{"events.invoice.*.InvoiceDrafted"}}, projectEffect))
	w.reaches(t, pool)
	events, _ := effects(t, pool)
	require.Equal(t, 1, events)
}

func TestProjectionOverBrokerRestarts(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	run(t, w.projection(t, pool, subscribers.ProjectionConfig{}, projectEffect))
	const rounds, perRound = 3, 200
	for range rounds {
		w.publishMany(t, perRound, 5)
		w.restart(t)
	}
	w.reaches(t, pool)
	events, times := effects(t, pool)
	require.Equal(t, [2]int{rounds * perRound, rounds * perRound}, [2]int{events, times})
}

func TestNewProjectionNamesEveryFault(t *testing.T) {
	t.Parallel()
	_, err := subscribers.NewProjection(nil, nil, subscribers.ProjectionConfig{Batch: -1, Standby: -1}, nil)
	for _, want := range []string{"Name is required", "Batch:", "Standby:", "the handler is nil"} {
		require.ErrorContains(t, err, want)
	}
}

func TestCheckpointOfAnUnknownProjection(t *testing.T) {
	t.Parallel()
	at, err := subscribers.Checkpoint(t.Context(), pgtest.New(t), "unknown")
	require.NoError(t, err)
	require.Zero(t, at)
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("over"))
	_, err = subscribers.Checkpoint(ended, pgtest.New(t), "unknown")
	require.ErrorContains(t, err, "read the checkpoint of projection unknown")
}
