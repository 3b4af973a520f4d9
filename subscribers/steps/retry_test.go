package steps_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// retried wants an order to have the run x go on.
func retried(tb testing.TB, db steps.Beginner, want string) {
	tb.Helper()
	outcome, err := steps.Retry(tb.Context(), db, "x", byAda())
	require.NoError(tb, err)
	require.Equal(tb, want, outcome.Text)
	require.True(tb, outcome.Done)
}

// refused wants it to stay as it is.
func refused(tb testing.TB, db steps.Beginner, key, want string) {
	tb.Helper()
	outcome, err := steps.Retry(tb.Context(), db, key, byAda())
	require.NoError(tb, err)
	require.Equal(tb, want, outcome.Text)
	require.False(tb, outcome.Done)
}

// until is a step's verdict until a cause is done away with.
func until(repaired <-chan struct{}, verdict error) func(*steps.State) error {
	return func(*steps.State) error {
		select {
		case <-repaired:
			return nil
		default:
			return verdict
		}
	}
}

// A halted run goes on with the step that has halted it.
func TestRetryOfAHaltedRun(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	worker := newWorker(t, pool, steps.WorkerConfig{}, steps.Workflow{Name: "halts", Steps: []steps.Step{tx("a", fine), tx("b", func(run *steps.State) error {
		if run.Round() == 0 {
			return steps.Halt("the total is above 10,000")
		}
		return nil
	})}})
	work(t, worker)
	begin(t, pool, worker, "halts", "x")
	stands(t, pool, "x", steps.Halted)
	shown, err := steps.Explain(t.Context(), pool, "x", steps.Look{})
	require.NoError(t, err)
	require.Equal(t, `Step "b" has halted it: the total is above 10,000. It goes on with that step when a person says so.`, shown.Why)
	retried(t, pool, `goes on with step "b"`)
	stands(t, pool, "x", steps.Finished)
	require.Equal(t, []string{"a", "b", "b"}, effects(t, pool, "x"))
	require.Equal(t, []string{"a succeeded", "b halted", " retried", "b succeeded"}, story(t, pool, "x"))
	refused(t, pool, "x", "has finished, and does not go on")
}

// An undo that has failed for good goes on when the person has done away with the cause.
func TestRetryOfAnUndo(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	repaired := make(chan struct{})
	worker := newWorker(t, pool, steps.WorkerConfig{Options: steps.Options{MaxFailures: 2}}, steps.Workflow{Name: "undo", Steps: []steps.Step{
		tx("a", fine).Undo(undoIt),
		tx("b", fine).Undo(func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
			if err := undoIt(ctx, tx, run); err != nil {
				return err
			}
			return until(repaired, errBroken)(run)
		}), tx("c", func(*steps.State) error { return permanent }),
	}})
	work(t, worker)
	begin(t, pool, worker, "undo", "x")
	stands(t, pool, "x", steps.Halted)
	close(repaired)
	retried(t, pool, `goes on with undoing step "b"`)
	stands(t, pool, "x", steps.Failed)
	require.Equal(t, []string{"a", "b", "undo b", "undo a"}, effects(t, pool, "x"))
	refused(t, pool, "x", "has failed, and steps of it were undone: they can't be performed again; begin another run with another key, or purge this one")
}

// A person need not wait for a timer, nor for a backoff.
func TestRetryOfARunThatWaits(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	repaired := make(chan struct{})
	list := []steps.Step{steps.Sleep("sleep", 14*24*time.Hour), tx("a", until(repaired, errBroken))}
	runner := newRunner(t, pool, steps.Options{Backoff: steps.Backoff{Schedule: []time.Duration{time.Hour}}})
	run := func() error {
		_, err := runner.Run(t.Context(), "x", nil, list...)
		return err
	}
	require.ErrorIs(t, run(), steps.ErrWaiting)
	retried(t, pool, "is due now")
	require.ErrorIs(t, run(), errBroken)
	require.Equal(t, 1, field[int](t, pool, "failures", "x"))
	shown, err := steps.Explain(t.Context(), pool, "x", steps.Look{})
	require.NoError(t, err)
	require.Contains(t, shown.Why, `It tries step "a" again at `)
	require.Contains(t, shown.Why, `It has failed there for the first time: out of paper.`)
	retried(t, pool, "is due now")
	require.Zero(t, field[int](t, pool, "failures", "x"))
	require.True(t, field[bool](t, pool, "due_at <= now()", "x"))
	close(repaired)
	require.NoError(t, run())
}

// A failed run goes on at the step that has failed, when nothing was undone.
func TestRetryOfAFailedRun(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	repaired := make(chan struct{})
	worker := newWorker(t, pool, steps.WorkerConfig{}, steps.Workflow{Name: "fails", Steps: []steps.Step{
		tx("a", func(run *steps.State) error { return run.Return("of a") }), tx("b", until(repaired, permanent)), tx("c", fine),
	}})
	work(t, worker)
	begin(t, pool, worker, "fails", "x")
	stands(t, pool, "x", steps.Failed)
	shown, err := steps.Explain(t.Context(), pool, "x", steps.Look{})
	require.NoError(t, err)
	require.Equal(t, `It has failed for good: step "b": out of paper. Nothing was undone.`, shown.Why)
	close(repaired)
	retried(t, pool, `goes on with step "b", at which it has failed`)
	stands(t, pool, "x", steps.Finished)
	require.Equal(t, []string{"a", "b", "c"}, effects(t, pool, "x"))
	require.Equal(t, []string{"a succeeded", "b failed", " retried", "b succeeded", "c succeeded"}, story(t, pool, "x"))
}

// What is done of a step that has failed would be done again.
func TestRetryOfAHalfDoneStep(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := steps.Run(t.Context(), pool, "x", nil,
		steps.ForEach("lines", func(context.Context, pgx.Tx, *steps.State) ([]int, error) { return []int{1, 2, 3}, nil },
			func(ctx context.Context, tx pgx.Tx, run *steps.State, line int) error {
				if line == 2 {
					return permanent
				}
				return effect(ctx, tx, run)
			}))
	require.ErrorIs(t, err, steps.ErrFailed)
	refused(t, pool, "x", `has failed in step "lines", of which a part is done: that can't be taken up again; begin another run with another key, or purge this one`)
}

func TestRetryOfARunThatNeedsNone(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	door := newGate()
	worker := newWorker(t, pool, steps.WorkerConfig{Options: steps.Options{Process: "host:7"}}, steps.Workflow{Name: "slow", Steps: []steps.Step{door.gated("a")}})
	stop := work(t, worker)
	begin(t, pool, worker, "slow", "x")
	receive(t, door.here)
	refused(t, pool, "x", "is being performed by host:7, and needs no retry")
	shown, err := steps.Explain(t.Context(), pool, "x", steps.Look{})
	require.NoError(t, err)
	require.True(t, shown.Performing)
	require.Contains(t, shown.Why, `host:7 performs step "a"; its lease ends at `)
	close(door.on)
	stands(t, pool, "x", steps.Finished)
	stop()
	begin(t, pool, worker, "slow", "y")
	_, err = steps.Cancel(t.Context(), pool, "y", byAda())
	require.NoError(t, err)
	refused(t, pool, "y", "has been cancelled, and does not go on")
}
