package steps_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/steps"
)

func undoIt(ctx context.Context, tx pgx.Tx, run *steps.State) error {
	return effectNamed(ctx, tx, run, "undo "+run.Step())
}

// undoable has two steps that can be undone, a long sleep, and a step behind it.
func undoable() steps.Workflow {
	return steps.Workflow{Name: "undoable", Steps: []steps.Step{
		tx("a", fine).Undo(undoIt), tx("b", fine).Undo(undoIt), steps.Sleep("sleep", time.Hour), tx("c", fine),
	}}
}

// A run is cancelled with the caller's transaction, or not at all; a worker undoes what it has done, the last step first.
func TestCancelInATransaction(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	worker := newWorker(t, pool, steps.WorkerConfig{}, undoable())
	work(t, worker)
	begin(t, pool, worker, "undoable", "x")
	stands(t, pool, "x", steps.Waiting)
	cancel := func(then error) error {
		return pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			outcome, err := steps.Cancel(t.Context(), tx, "x", steps.Order{By: "payments", Because: "paid in full"})
			require.NoError(t, err)
			require.Equal(t, steps.Outcome{Run: "x", Status: steps.Cancelling, Done: true, Text: "is cancelled as soon as its steps are undone"}, outcome)
			return then
		})
	}
	require.ErrorIs(t, cancel(errBroken), errBroken)
	require.Equal(t, steps.Waiting, statusOf(t, pool, "x"))
	require.NoError(t, cancel(nil))
	stands(t, pool, "x", steps.Cancelled)
	require.Equal(t, []string{"a", "b", "undo b", "undo a"}, effects(t, pool, "x"))
	shown, err := steps.Explain(t.Context(), pool, "x", steps.Look{})
	require.NoError(t, err)
	require.Equal(t, "It was cancelled: paid in full. Undone, in this order: b, a.", shown.Why)
	require.Equal(t, []string{"b", "a"}, shown.Undone)

	again, err := steps.Cancel(t.Context(), pool, "x", byAda())
	require.NoError(t, err)
	require.Equal(t, steps.Outcome{Run: "x", Status: steps.Cancelled, Done: true, Text: "is cancelled already"}, again)
}

// Who performs a run that is cancelled meanwhile commits nothing more of it.
func TestCancelFencesWhoPerforms(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	door := newGate()
	var log memoryLog
	worker := newWorker(t, pool, steps.WorkerConfig{Options: steps.Options{Logger: log.logger()}},
		steps.Workflow{Name: "fenced", Steps: []steps.Step{tx("a", fine).Undo(undoIt), door.gated("b").Undo(undoIt), tx("c", fine)}})
	work(t, worker)
	begin(t, pool, worker, "fenced", "x")
	receive(t, door.here)
	_, err := steps.Cancel(t.Context(), pool, "x", byAda())
	require.NoError(t, err)
	close(door.on)
	stands(t, pool, "x", steps.Cancelled)
	require.Equal(t, []string{"a", "undo a"}, effects(t, pool, "x"))
	eventually(t, func() bool { return len(log.messages(t, "a run was cancelled or taken over")) == 1 })
}

// A call that is under way may take effect, so it is undone.
func TestCancelDuringACall(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	door := newGate()
	worker := newWorker(t, pool, steps.WorkerConfig{}, steps.Workflow{Name: "calls", Steps: []steps.Step{
		steps.Call("charge", func(ctx context.Context, _ *steps.State) (int, error) { return 1, door.pass(ctx) }, nil).Undo(undoIt), tx("b", fine),
	}})
	work(t, worker)
	begin(t, pool, worker, "calls", "x")
	receive(t, door.here)
	_, err := steps.Cancel(t.Context(), pool, "x", byAda())
	require.NoError(t, err)
	close(door.on)
	stands(t, pool, "x", steps.Cancelled)
	require.Equal(t, []string{"undo charge"}, effects(t, pool, "x"))
}

// Whenever a run is cancelled, it has finished, or all that it has done is undone.
func TestCancelAtAnyMoment(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	list := make([]steps.Step, 6)
	for n := range list {
		list[n] = tx(string(rune('a'+n)), fine).Undo(undoIt)
	}
	worker := newWorker(t, pool, steps.WorkerConfig{Poll: 10 * time.Millisecond}, steps.Workflow{Name: "any", Steps: list})
	work(t, worker)
	for n := range 24 {
		key := fmt.Sprintf("x%d", n)
		begin(t, pool, worker, "any", key)
		worker.Wake()
		eventually(t, func() bool { return field[int](t, pool, "step", key) >= n%5 || statusOf(t, pool, key).Ended() })
		_, err := steps.Cancel(t.Context(), pool, key, byAda())
		require.NoError(t, err)
		eventually(t, func() bool { return statusOf(t, pool, key).Ended() })
		done := effects(t, pool, key)
		if statusOf(t, pool, key) == steps.Finished {
			require.Equal(t, []string{"a", "b", "c", "d", "e", "f"}, done)
			continue
		}
		require.Zero(t, len(done)%2, done)
		for i := range len(done) / 2 {
			require.Equal(t, "undo "+done[i], done[len(done)-1-i], done)
		}
	}
}

// What has never been performed is cancelled at once, and who waits for it goes on.
func TestCancelBeforeTheFirstStep(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	worker := newWorker(t, pool, steps.WorkerConfig{}, undoable())
	begin(t, pool, worker, "undoable", "x")
	_, err := steps.Run(t.Context(), pool, "parent", nil,
		steps.Await("children", func(context.Context, pgx.Tx, *steps.State) ([]string, error) { return []string{"x"}, nil }))
	require.ErrorIs(t, err, steps.ErrWaiting)
	outcome, err := steps.Cancel(t.Context(), pool, "x", byAda())
	require.NoError(t, err)
	require.Equal(t, steps.Outcome{Run: "x", Status: steps.Cancelled, Done: true, Text: "is cancelled"}, outcome)
	require.True(t, field[bool](t, pool, "due_at <= now()", "parent"))
	shown, err := steps.Explain(t.Context(), pool, "x", steps.Look{})
	require.NoError(t, err)
	require.Equal(t, "It was cancelled: for a test. Nothing was undone.", shown.Why)
	require.Equal(t, "ada", shown.Log[0].By)
}

// What is over stays as it is, and so does what is being undone.
func TestCancelTooLate(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := steps.Run(t.Context(), pool, "finished", nil, tx("a", fine))
	require.NoError(t, err)
	_, err = steps.Run(t.Context(), pool, "failed", nil, tx("a", func(*steps.State) error { return permanent }))
	require.ErrorIs(t, err, steps.ErrFailed)
	stuck := tx("a", fine).Undo(func(context.Context, pgx.Tx, *steps.State) error { return steps.Halt("nobody answers") })
	_, err = steps.Run(t.Context(), pool, "undoing", nil, stuck, tx("b", func(*steps.State) error { return permanent }))
	require.ErrorIs(t, err, steps.ErrHalted)
	for key, text := range map[string]string{
		"finished": "has finished already, at ", "failed": "has failed already, at ", "undoing": "has failed, and is being undone already",
	} {
		before := statusOf(t, pool, key)
		outcome, err := steps.Cancel(t.Context(), pool, key, byAda())
		require.NoError(t, err)
		require.False(t, outcome.Done)
		require.Contains(t, outcome.Text, text)
		require.Equal(t, before, statusOf(t, pool, key))
		require.Equal(t, before, outcome.Status)
	}
	shown, err := steps.Explain(t.Context(), pool, "undoing", steps.Look{})
	require.NoError(t, err)
	require.Equal(t, `Undoing step "a" has halted it: nobody answers. It goes on with that when a person says so. It is undone because: step "b": out of paper.`, shown.Why)
	outcome, err := steps.Abandon(t.Context(), pool, "undoing", byAda())
	require.NoError(t, err)
	require.Equal(t, steps.Outcome{Run: "undoing", Status: steps.Failed, Done: true, Text: "has failed, and nothing more is undone"}, outcome)
	require.Equal(t, steps.Failed, statusOf(t, pool, "undoing"))
}

func TestAbandonUndoesNothing(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	worker := newWorker(t, pool, steps.WorkerConfig{}, undoable())
	stop := work(t, worker)
	begin(t, pool, worker, "undoable", "x")
	stands(t, pool, "x", steps.Waiting)
	stop()
	_, err := steps.Cancel(t.Context(), pool, "x", byAda())
	require.NoError(t, err)
	outcome, err := steps.Abandon(t.Context(), pool, "x", byAda())
	require.NoError(t, err)
	require.Equal(t, steps.Outcome{Run: "x", Status: steps.Cancelled, Done: true, Text: "is cancelled, and nothing more is undone"}, outcome)
	require.Equal(t, []string{"a", "b"}, effects(t, pool, "x"))
	require.Equal(t, []string{" cancelled", " abandoned"}, story(t, pool, "x")[3:])
	again, err := steps.Abandon(t.Context(), pool, "x", byAda())
	require.NoError(t, err)
	require.True(t, again.Done)
}

// Orders name who and why, and say nothing of another tenant's runs.
func TestOrdersAreChecked(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	worker := newWorker(t, pool, steps.WorkerConfig{}, undoable())
	begin(t, pool, worker, "undoable", "x")
	change(t, pool, `UPDATE contrail.runs SET tenant = 't-1'`)
	for _, give := range []func(context.Context, steps.Beginner, string, steps.Order) (steps.Outcome, error){steps.Cancel, steps.Abandon, steps.Retry} {
		_, err := give(t.Context(), pool, "x", steps.Order{By: " ", Because: strings.Repeat("x", 1025)})
		require.ErrorContains(t, err, "steps.Order: By is empty, must say who decides\nsteps.Order: Because has 1025 bytes, must have 1024 at most")
		for _, key := range []string{"y", "x\x00", "x"} {
			_, err = give(t.Context(), pool, key, steps.Order{By: "ada", Because: "why", Tenant: "t-2"})
			require.ErrorIs(t, err, steps.ErrNotFound)
		}
	}
	_, err := steps.Explain(t.Context(), pool, "x", steps.Look{Tenant: "t-2"})
	require.ErrorIs(t, err, steps.ErrNotFound)
	outcome, err := steps.Cancel(t.Context(), pool, "x", steps.Order{By: "ada", Because: "why", Tenant: "t-1"})
	require.NoError(t, err)
	require.True(t, outcome.Done)
}
