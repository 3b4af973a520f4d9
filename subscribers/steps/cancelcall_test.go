package steps_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// deaf are steps with a call that doesn't look at its ctx, and what undoes it.
func (g gate) deaf(calling *atomic.Bool, undo func(ctx context.Context, run *steps.State) error) []steps.Step {
	return []steps.Step{steps.Call("charge", func(context.Context, *steps.State) (int, error) {
		calling.Store(true)
		defer calling.Store(false)
		g.here <- struct{}{}
		<-g.on
		return 1, nil
	}, nil).UndoCall(undo), tx("b", fine)}
}

// What undoes a call waits until that has ended, though it may have ended its lock by then: with the former lock's end, at the latest.
func TestCancelWaitsForTheCall(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	door := newGate()
	var calling, together atomic.Bool
	list := door.deaf(&calling, func(context.Context, *steps.State) error {
		together.Store(calling.Load())
		return nil
	})
	work(t, newWorker(t, pool, steps.WorkerConfig{}, steps.Workflow{Name: "calls", Steps: list}))
	begin(t, pool, newWorker(t, pool, steps.WorkerConfig{}, steps.Workflow{Name: "calls", Steps: list}), "calls", "x")
	receive(t, door.here)
	_, err := steps.Cancel(t.Context(), pool, "x", byAda())
	require.NoError(t, err)
	_, err = steps.Run(t.Context(), pool, "x", nil, list...)
	require.ErrorIs(t, err, steps.ErrLocked)
	shown, err := steps.Explain(t.Context(), pool, "x", steps.Look{})
	require.NoError(t, err)
	require.Regexp(t, `^It was cancelled while .+ was performing step "charge", which has until .+ to let go of it\.`, shown.Why)
	close(door.on)
	stands(t, pool, "x", steps.Cancelled)
	require.False(t, together.Load())
	require.Equal(t, []string{" cancelled", "charge undoing", "charge undone"}, story(t, pool, "x"))
}

// Of a process that doesn't let go, others wait for the end of its lease, also if that was renewed while the run was being cancelled.
func TestCancelWaitsForTheLease(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	door := newGate()
	var calling atomic.Bool
	list := door.deaf(&calling, func(context.Context, *steps.State) error { return nil })
	frozen := make(chan error, 1)
	go func() {
		_, err := steps.Run(t.Context(), pool, "x", nil, list...)
		frozen <- err
	}()
	receive(t, door.here)
	change(t, pool, `UPDATE contrail.runs SET locked_until = now() + interval '1 ms'`)
	order, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = steps.Cancel(t.Context(), order, "x", byAda())
	require.NoError(t, err)
	change(t, pool, `INSERT INTO contrail.run_leases (run, token, until) SELECT id, token, now() + interval '1 min' FROM contrail.runs`)
	require.NoError(t, order.Commit(t.Context()))
	_, err = steps.Run(t.Context(), pool, "x", nil, list...)
	require.ErrorIs(t, err, steps.ErrLocked, "it was renewed")
	change(t, pool, `UPDATE contrail.run_leases SET until = now() - interval '1 s'`)
	_, err = steps.Run(t.Context(), pool, "x", nil, list...)
	require.ErrorIs(t, err, steps.ErrCancelled)
	require.True(t, calling.Load())
	close(door.on)
	require.ErrorIs(t, receive(t, frozen), steps.ErrLockLost)
}
