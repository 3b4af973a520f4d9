package steps_test

import (
	"context"
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/steps"
)

func TestExplainTellsAll(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	ctx := contrail.WithMetadata(t.Context(), contrail.Metadata{contrail.KeyTenantID: "t-1", contrail.KeyUserID: "ada"})
	before := time.Now().Add(-time.Minute)
	_, err := newRunner(t, pool, steps.Options{Process: "host:7"}).Run(ctx, "orders/42", map[string]any{"total": "19.80"},
		tx("reserve", func(run *steps.State) error { return run.Set("hold", 7) }),
		steps.ForEach("lines", func(context.Context, pgx.Tx, *steps.State) ([]int, error) { return []int{1, 2, 3}, nil },
			func(_ context.Context, _ pgx.Tx, run *steps.State, line int) error {
				if line == 3 {
					return errBroken
				}
				return nil
			}), tx("confirm", fine))
	require.ErrorIs(t, err, errBroken)
	shown, err := steps.Explain(t.Context(), pool, "orders/42", steps.Look{Tenant: "t-1"})
	require.NoError(t, err)
	require.Equal(t, []any{"orders/42", "", "t-1", steps.Ready, steps.Status(""), 1, int64(2), int64(3), 1, "out of paper", "", "lines"},
		[]any{shown.Key, shown.Workflow, shown.Tenant, shown.Status, shown.EndsAs, shown.Step, shown.Round, *shown.Elements, shown.Failures, shown.Error, shown.Reason, shown.StepName()})
	require.JSONEq(t, `{"total": "19.80"}`, string(shown.Args))
	require.Equal(t, contrail.Metadata{contrail.KeyTenantID: "t-1", contrail.KeyUserID: "ada"}, shown.Metadata)
	require.Equal(t, []string{"reserve", "lines", "confirm"}, shown.Steps)
	require.Equal(t, []string{"reserve"}, shown.Succeeded)
	require.Empty(t, shown.Undone)
	require.Equal(t, map[string]json.RawMessage{"hold": json.RawMessage("7")}, shown.Values)
	require.Nil(t, shown.Result)
	require.False(t, shown.Performing)
	require.Zero(t, shown.Omitted)
	var log []string
	for _, entry := range shown.Log {
		require.Equal(t, "host:7", entry.By)
		require.WithinRange(t, entry.At, before, time.Now().Add(time.Minute))
		require.Equal(t, time.UTC, entry.At.Location())
		log = append(log, entry.Step+" "+entry.What+" "+entry.Detail)
	}
	require.Equal(t, []string{"reserve succeeded ", "lines listed 3 elements", "lines element 1 of 3", "lines element 2 of 3", "lines errored out of paper"}, log)

	latest, err := steps.Explain(t.Context(), pool, "orders/42", steps.Look{Entries: 2})
	require.NoError(t, err)
	require.EqualValues(t, 3, latest.Omitted)
	require.Equal(t, shown.Log[3:], latest.Log)
	require.Equal(t, []string{"reserve"}, latest.Succeeded)

	text, err := json.Marshal(shown)
	require.NoError(t, err)
	require.Contains(t, string(text), `"state":"ready"`)
	_, err = steps.Explain(t.Context(), pool, "orders/4", steps.Look{})
	require.EqualError(t, err, "explain run orders/4: there is no such run")
	require.ErrorIs(t, err, steps.ErrNotFound)
}

// Each way to stand has its sentence.
func TestExplainSaysWhy(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	worker := newWorker(t, pool, steps.WorkerConfig{}, abc())
	times := regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	for name, test := range map[string]struct{ set, want string }{
		"just due":       {``, `It is due since T, to go on with step "a". A worker of workflow "abc" goes on with it.`},
		"due for long":   {`due_at = now() - interval '1 min'`, `It is due since T, to go on with step "a". No worker has come for it: run one that has the workflow "abc" with the steps a, b, c.`},
		"no workflow":    {`workflow = '', due_at = now() - interval '1 min'`, `It is due since T, to go on with step "a". No worker performs it, since it was begun without one: it goes on when whoever has begun it calls Run with its key again.`},
		"sleeping":       {`state = 'waiting', step = 1, due_at = now() + interval '1 h'`, `Step "b" waits until T.`},
		"backing off":    {`failures = 2, error = 'no.', due_at = now() + interval '1 h'`, `It tries step "a" again at T. It has failed there for the second time: no.`},
		"put off":        {`error = 'other steps', due_at = now() + interval '1 h'`, `It goes on with step "a" at T. The last error was: other steps.`},
		"performed":      {`locked_by = 'p:1', locked_until = now() + interval '1 min', token = 1`, `p:1 performs step "a"; its lease ends at T unless it is renewed.`},
		"left behind":    {`locked_by = 'p:1', locked_until = now() - interval '1 min', token = 1, due_at = now() - interval '1 min'`, `p:1 was performing step "a", and is taken for dead: its lease ended at T. No worker has come for it: run one that has the workflow "abc" with the steps a, b, c.`},
		"cancelling":     {`state = 'cancelling', ends_as = 'cancelled', step = 2`, `It is due since T, to go on with undoing what its steps before "c" have done. A worker of workflow "abc" goes on with it.`},
		"compensating":   {`state = 'compensating', ends_as = 'failed', step = 2`, `It is due since T, to go on with undoing step "b". A worker of workflow "abc" goes on with it.`},
		"undo failing":   {`state = 'compensating', ends_as = 'failed', step = 2, failures = 4, error = 'no', due_at = now() + interval '1 h'`, `It tries undoing step "b" again at T. It has failed there for the 4th time: no.`},
		"waits for some": {`state = 'waiting', awaits = '{x,y}', due_at = now() + interval '10 s'`, `Step "a" waits for the end of x, y. It looks again at T at the latest.`},
		"finished":       {`state = 'finished', due_at = NULL, ended_at = now()`, `All its steps have succeeded, the last one at T.`},
	} {
		begin(t, pool, worker, "abc", name)
		if test.set != "" {
			change(t, pool, `UPDATE contrail.runs SET `+test.set+` WHERE key = $1`, name)
		}
		shown, err := steps.Explain(t.Context(), pool, name, steps.Look{})
		require.NoError(t, err)
		require.Equal(t, test.want, times.ReplaceAllString(shown.Why, "T"), name)
	}
}

// There is no run with a key that no run can have.
func TestExplainOfWhatIsNoText(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	for _, text := range []string{"x\x00", "\xff"} {
		_, err := steps.Explain(t.Context(), pool, text, steps.Look{})
		require.ErrorIs(t, err, steps.ErrNotFound)
		_, err = steps.Explain(t.Context(), pool, "x", steps.Look{Tenant: text})
		require.ErrorIs(t, err, steps.ErrNotFound)
	}
}
