package steps_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers/steps"
)

func abc() steps.Workflow { return steps.Workflow{Name: "abc", Steps: threeSteps()} }

func TestWorkerFaultsAreNamedTogether(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	_, err := steps.NewWorker(pool, steps.WorkerConfig{
		Options: steps.Options{Lease: time.Millisecond}, Concurrency: 1 << 20, Poll: time.Hour, DrainTimeout: -1,
	}, abc(), abc(), steps.Workflow{}, steps.Workflow{Name: "twice", Steps: []steps.Step{tx("a", fine), tx("a", fine)}})
	for _, text := range []string{
		"steps.NewWorker: ", "WorkerConfig.Options: Lease is 1ms", "WorkerConfig.Concurrency is 1048576, must be from 1 to 4096", "WorkerConfig.Poll is 1h0m0s, must be from 10ms to 1m0s",
		"WorkerConfig.DrainTimeout is -1ns, must not be negative", `two workflows have the name "abc"`, `the name "" of workflow 3 is empty`, `workflow "": there are no steps`,
		`workflow "twice": steps 1 and 2 have the same name "a"`,
	} {
		require.ErrorContains(t, err, text)
	}
	_, err = steps.NewWorker(pool, steps.WorkerConfig{})
	require.EqualError(t, err, "steps.NewWorker: there are no workflows")
}

// A run is begun with the transaction of whoever begins it, or not at all.
func TestWorkerPerformsWhatIsStarted(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	worker := newWorker(t, pool, steps.WorkerConfig{}, abc())
	work(t, worker)
	ctx := contrail.WithMetadata(t.Context(), contrail.Metadata{contrail.KeyTenantID: "t-1"})
	require.ErrorIs(t, pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		require.NoError(t, worker.Start(ctx, tx, "abc", "rolled back", nil))
		return errBroken
	}), errBroken)
	require.NoError(t, pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return worker.Start(ctx, tx, "abc", "committed", 7) }))
	stands(t, pool, "committed", steps.Finished)
	require.Equal(t, []string{"a", "b", "c"}, effects(t, pool, "committed"))
	require.Equal(t, []string{"committed"}, column[string](t, pool, `SELECT key FROM contrail.runs`))
	require.Equal(t, []string{"abc", "t-1", "7", `"done"`}, column[string](t, pool,
		`SELECT unnest(ARRAY[workflow, tenant, args::text, result::text]) FROM contrail.runs`))
}

func TestStartAgain(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	worker := newWorker(t, pool, steps.WorkerConfig{}, abc(), steps.Workflow{Name: "other", Steps: threeSteps()[:1]})
	again := func(worker *steps.Worker, workflow, key string, args any) error {
		return pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { return worker.Start(t.Context(), tx, workflow, key, args) })
	}
	type amount struct{ Total, Tax float64 }
	require.NoError(t, again(worker, "abc", "x", amount{1, 2}))
	require.NoError(t, again(worker, "abc", "x", map[string]int{"Tax": 2, "Total": 1}))
	err := again(worker, "abc", "x", amount{1, 3})
	require.ErrorIs(t, err, steps.ErrArgsMismatch)
	require.True(t, contrail.IsPermanent(err))
	err = again(worker, "other", "x", amount{1, 2})
	require.ErrorContains(t, err, `start run x of workflow "other": a run of workflow "abc" has that key`)
	require.True(t, contrail.IsPermanent(err))
	err = again(newWorker(t, pool, steps.WorkerConfig{}, steps.Workflow{Name: "alike", Steps: threeSteps()}), "alike", "x", amount{1, 2})
	require.ErrorContains(t, err, `a run of workflow "abc" has that key`, "though it has the same steps and args")

	changed := newWorker(t, pool, steps.WorkerConfig{}, steps.Workflow{Name: "abc", Steps: threeSteps()[:2]})
	require.NoError(t, again(changed, "abc", "x", amount{1, 2}), "an event comes twice, and meanwhile the workflow has changed")
	require.Equal(t, []string{"{a,b,c}"}, column[string](t, pool, `SELECT definition::text FROM contrail.runs`))

	err = again(worker, "nothing", "", make(chan int))
	for _, text := range []string{`there is no workflow "nothing" in this worker, which has abc, other`, `the key "" is empty`, "args: json: unsupported type"} {
		require.ErrorContains(t, err, text)
	}
	require.True(t, contrail.IsPermanent(err))
	stop := work(t, worker)
	stands(t, pool, "x", steps.Finished)
	stop()
	require.NoError(t, again(worker, "abc", "x", amount{1, 2}), "it has ended, and is not begun again")
	require.Equal(t, []string{"a", "b", "c"}, effects(t, pool, "x"))
}

// Sixteen workers, each with connections of its own, on one queue: each run is performed by one of them at a time, and each step takes effect once.
func TestSixteenWorkersOnOneQueue(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	var mu sync.Mutex
	holders, processes := map[string]string{}, map[string]bool{}
	hold := func(process string) func(run *steps.State) error {
		return func(run *steps.State) error {
			mu.Lock()
			defer mu.Unlock()
			if holder := holders[run.RunKey()]; holder != "" && holder != process {
				return fmt.Errorf("%s performs %s, which %s has in hand", process, run.RunKey(), holder)
			}
			holders[run.RunKey()], processes[process] = process, true
			return nil
		}
	}
	const runs = 160
	for n := range 16 {
		process := fmt.Sprintf("worker-%d", n)
		config := pool.Config().Copy()
		config.MaxConns = 3
		own, err := pgxpool.NewWithConfig(t.Context(), config)
		require.NoError(t, err)
		t.Cleanup(own.Close)
		step := func(name string) steps.Step { return tx(name, hold(process)) }
		worker := newWorker(t, own, steps.WorkerConfig{Concurrency: 2, Options: steps.Options{Process: process, MaxFailures: 1}},
			steps.Workflow{Name: "abc", Steps: []steps.Step{step("a"), step("b"), step("c")}})
		if n == 0 {
			for i := range runs {
				begin(t, pool, worker, "abc", fmt.Sprintf("run-%d", i))
			}
		}
		work(t, worker)
	}
	eventually(t, func() bool {
		return column[int](t, pool, `SELECT count(*)::int FROM contrail.runs WHERE ended_at IS NOT NULL`)[0] == runs
	})
	require.Equal(t, []int{runs}, column[int](t, pool, `SELECT count(*)::int FROM contrail.runs WHERE state = 'finished' AND token = 1`))
	require.Equal(t, []string{"{a,b,c}"}, column[string](t, pool,
		`SELECT DISTINCT e::text FROM (SELECT array_agg(effect ORDER BY id) AS e FROM effects GROUP BY run) AS runs`))
	require.Equal(t, []int{3 * runs}, column[int](t, pool, `SELECT count(*)::int FROM contrail.run_log WHERE what = 'succeeded'`))
	require.Equal(t, []int{3 * runs}, column[int](t, pool, `SELECT count(*)::int FROM contrail.run_log`))
	require.Greater(t, len(processes), 1, "nobody has them all")
}

// A run whose process has died is gone on with, by a worker of its workflow.
func TestWorkerTakesOverStaleLocks(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	worker := newWorker(t, pool, steps.WorkerConfig{Options: steps.Options{Process: "second"}}, abc())
	begin(t, pool, worker, "abc", "x")
	change(t, pool, `UPDATE contrail.runs SET locked_by = 'first', locked_until = now() + interval '1 hour', token = 1`)
	work(t, worker)
	begin(t, pool, worker, "abc", "y")
	stands(t, pool, "y", steps.Finished)
	require.Empty(t, effects(t, pool, "x"), "its lease has not run out")
	change(t, pool, `UPDATE contrail.runs SET locked_until = now() - interval '1 ms' WHERE key = 'x'`)
	stands(t, pool, "x", steps.Finished)
	require.Equal(t, []string{"a taken over", "a succeeded", "b succeeded", "c succeeded"}, story(t, pool, "x"))
	require.Equal(t, []string{"a", "b", "c"}, effects(t, pool, "x"))
}

func TestWorkerLeavesOtherWorkflows(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	other := newWorker(t, pool, steps.WorkerConfig{}, steps.Workflow{Name: "other", Steps: threeSteps()})
	begin(t, pool, other, "other", "x")
	change(t, pool, `UPDATE contrail.runs SET due_at = now() - interval '1 day'`)
	worker := newWorker(t, pool, steps.WorkerConfig{}, abc())
	work(t, worker)
	begin(t, pool, worker, "abc", "y")
	stands(t, pool, "y", steps.Finished)
	require.Equal(t, []int64{0}, column[int64](t, pool, `SELECT token FROM contrail.runs WHERE key = 'x'`))
	work(t, other)
	stands(t, pool, "x", steps.Finished)
}

// A step that fails is tried again, and what was done is undone when its tries are used up.
func TestWorkerRetriesAndUndoes(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	var log memoryLog
	undo := func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
		return effectNamed(ctx, tx, run, "un"+run.Step())
	}
	worker := newWorker(t, pool, steps.WorkerConfig{Options: steps.Options{MaxFailures: 3, Logger: log.logger()}},
		steps.Workflow{Name: "fails", Steps: []steps.Step{tx("a", fine).Undo(undo), tx("b", fine).Undo(undo), tx("c", broken)}})
	work(t, worker)
	begin(t, pool, worker, "fails", "x")
	stands(t, pool, "x", steps.Failed)
	require.Equal(t, []string{"a", "b", "unb", "una"}, effects(t, pool, "x"))
	require.Equal(t, []string{"a succeeded", "b succeeded", "c errored", "c errored", "c failed", "b undone", "a undone"}, story(t, pool, "x"))
	eventually(t, func() bool { return len(log.messages(t, "a run has failed")) == 1 })
	require.Len(t, log.messages(t, "a step has failed, and is tried again"), 2)
}
