package steps_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/steps"
)

const mismatched = "no worker goes on with a run, since it was begun with other steps"

// While a new version of a workflow is rolled out, each run is performed by workers of the version that it was begun with.
func TestVersionsOfAWorkflowSideBySide(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	var log memoryLog
	config := steps.WorkerConfig{Options: steps.Options{Logger: log.logger()}}
	former := newWorker(t, pool, config, abc())
	latter := newWorker(t, pool, config, steps.Workflow{Name: "abc", Steps: append(threeSteps(), tx("d", fine))})
	work(t, former)
	work(t, latter)
	for _, key := range []string{"1", "2", "3", "4", "5", "6"} {
		begin(t, pool, former, "abc", "former/"+key)
		begin(t, pool, latter, "abc", "latter/"+key)
	}
	for _, key := range []string{"1", "2", "3", "4", "5", "6"} {
		stands(t, pool, "former/"+key, steps.Finished)
		stands(t, pool, "latter/"+key, steps.Finished)
		require.Equal(t, []string{"a", "b", "c"}, effects(t, pool, "former/"+key))
		require.Equal(t, []string{"a", "b", "c", "d"}, effects(t, pool, "latter/"+key))
	}
	require.Empty(t, log.messages(t, mismatched))
}

// A run whose steps no worker has any more is marked, put off, and told of once; a worker that has them goes on with it.
func TestChangedDefinition(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	var log memoryLog
	former := newWorker(t, pool, steps.WorkerConfig{}, abc())
	latter := newWorker(t, pool, steps.WorkerConfig{Options: steps.Options{Logger: log.logger()}},
		steps.Workflow{Name: "abc", Steps: []steps.Step{tx("a", fine), tx("z", fine)}})
	begin(t, pool, former, "abc", "x")
	change(t, pool, `UPDATE contrail.runs SET due_at = now() - interval '1 min'`)
	stop := work(t, latter)
	for range 3 {
		eventually(t, func() bool { return field[bool](t, pool, `due_at > now() + interval '1 min'`, "x") })
		shown, err := steps.Explain(t.Context(), pool, "x", steps.Look{})
		require.NoError(t, err)
		require.Contains(t, shown.Why, `It goes on with step "a" at `)
		require.Contains(t, shown.Why, `The last error was: run x: the run was begun with other steps: step 2 was "b", and is "z"`)
		require.Zero(t, shown.Failures)
		require.Equal(t, []string{" errored"}, story(t, pool, "x"))
		change(t, pool, `UPDATE contrail.runs SET due_at = now() - interval '1 min'`)
	}
	stop()
	require.Len(t, log.messages(t, mismatched), 1)
	change(t, pool, `UPDATE contrail.runs SET due_at = now()`)
	work(t, former)
	stands(t, pool, "x", steps.Finished)
	require.Empty(t, field[string](t, pool, "error", "x"))
}
