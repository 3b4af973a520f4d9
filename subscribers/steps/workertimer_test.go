package steps_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/steps"
)

func sleeper(delay time.Duration) steps.Workflow {
	return steps.Workflow{Name: "sleeper", Steps: []steps.Step{tx("before", fine), steps.Sleep("sleep", delay), tx("after", fine)}}
}

// What is due first is performed first, whichever was begun first.
func TestTimersComeInTheirOrder(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	worker := newWorker(t, pool, steps.WorkerConfig{Concurrency: 1}, sleeper(14*24*time.Hour))
	stop := work(t, worker)
	for n := range 6 {
		key := fmt.Sprintf("x%d", n)
		begin(t, pool, worker, "sleeper", key)
		stands(t, pool, key, steps.Waiting)
	}
	stop()
	require.InDelta(t, 14, column[float64](t, pool, `SELECT extract(epoch FROM due_at - now())::float8 / 86400 FROM contrail.runs WHERE key = 'x0'`)[0], 0.01)
	change(t, pool, `UPDATE contrail.runs SET due_at = now() - make_interval(mins => ('{3,1,6,2,5,4}'::int[])[1 + substr(key, 2)::int])`)

	work(t, newWorker(t, pool, steps.WorkerConfig{Concurrency: 1}, sleeper(14*24*time.Hour))) // timers survive the process
	stands(t, pool, "x1", steps.Finished)
	require.Equal(t, []string{"x2", "x4", "x5", "x0", "x3", "x1"}, column[string](t, pool, `SELECT run FROM effects WHERE effect = 'after' ORDER BY id`))
}

// A timer is not waited for any longer because the worker looks rarely.
func TestTimersComeInTime(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	worker := newWorker(t, pool, steps.WorkerConfig{Poll: time.Minute}, sleeper(300*time.Millisecond))
	begin(t, pool, worker, "sleeper", "x")
	work(t, worker)
	stands(t, pool, "x", steps.Finished)
	times := column[time.Time](t, pool, `SELECT at FROM contrail.run_log WHERE step = 'sleep' ORDER BY number`)
	require.GreaterOrEqual(t, times[1].Sub(times[0]), 300*time.Millisecond, "nor too early")
}

func TestWakeLooksAtOnce(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	worker := newWorker(t, pool, steps.WorkerConfig{Poll: time.Minute}, abc())
	work(t, worker)
	for n := range 3 {
		key := fmt.Sprintf("x%d", n)
		begin(t, pool, worker, "abc", key)
		worker.Wake()
		stands(t, pool, key, steps.Finished)
	}
}

// A run that waits for others goes on when they have ended, however they have.
func TestChildrenEnd(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	var worker *steps.Worker
	parent := steps.Workflow{Name: "parent", Steps: []steps.Step{
		steps.Tx("begin", func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
			for _, child := range []string{"child/1", "child/2"} {
				if err := worker.Start(ctx, tx, "sleeper", child, nil); err != nil {
					return err
				}
			}
			return nil
		}),
		steps.Await("children", func(context.Context, pgx.Tx, *steps.State) ([]string, error) {
			return []string{"child/1", "child/2"}, nil
		}),
		tx("end", fine),
	}}
	worker = newWorker(t, pool, steps.WorkerConfig{Poll: 100 * time.Millisecond}, parent, sleeper(time.Hour))
	work(t, worker)
	begin(t, pool, worker, "parent", "x")
	stands(t, pool, "x", steps.Waiting)
	stands(t, pool, "child/1", steps.Waiting)
	stands(t, pool, "child/2", steps.Waiting)
	shown, err := steps.Explain(t.Context(), pool, "x", steps.Look{})
	require.NoError(t, err)
	require.Equal(t, []string{"child/1", "child/2"}, shown.Awaiting)
	require.Contains(t, shown.Why, `Step "children" waits for the end of child/1, child/2. It looks again at `)

	makeDue(t, pool, "child/1")
	stands(t, pool, "child/1", steps.Finished)
	_, err = steps.Cancel(t.Context(), pool, "child/2", byAda())
	require.NoError(t, err)
	stands(t, pool, "x", steps.Finished)
	require.Equal(t, []string{"end"}, effects(t, pool, "x"))
}
