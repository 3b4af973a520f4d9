package steps_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// writeRuns writes rows of runs that nobody performs: so many of each state, one begun each minute, the last one a minute ago.
func writeRuns(tb testing.TB, pool *pgxpool.Pool, each int) {
	tb.Helper()
	change(tb, pool, `INSERT INTO contrail.runs (id, key, workflow, tenant, args, definition, state, ends_as, due_at, ended_at, failures, error, reason, began_at)
		SELECT gen_random_uuid(), state || '/' || n, 'w' || n % 2, 't-' || n % 3, to_jsonb(n), '{a,b}', state,
			CASE WHEN state IN ('cancelling', 'compensating', 'cancelled') THEN 'cancelled' WHEN state = 'failed' THEN state ELSE '' END,
			CASE WHEN state IN ('ready', 'waiting', 'cancelling', 'compensating') THEN now() - make_interval(hours => n) END,
			CASE WHEN state IN ('finished', 'failed', 'cancelled') THEN now() - make_interval(days => n) END,
			CASE WHEN state = 'ready' THEN n ELSE 0 END, CASE WHEN state = 'ready' THEN 'disk full' ELSE '' END,
			CASE WHEN state = 'halted' THEN 'look at 100%_x' ELSE '' END,
			now() - make_interval(mins => (n * 8 + o)::int)
		FROM unnest($1::text[]) WITH ORDINALITY AS s(state, o), generate_series(1, $2::int) AS n`, steps.Statuses(), each)
}

func keysOf(tb testing.TB, db steps.Querier, filter steps.Filter) []string {
	tb.Helper()
	keys := []string{}
	for run, err := range steps.List(tb.Context(), db, filter) {
		require.NoError(tb, err)
		keys = append(keys, run.Key)
	}
	return keys
}

func TestListSelects(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	require.Empty(t, keysOf(t, pool, steps.Filter{}))
	writeRuns(t, pool, 3)
	all := keysOf(t, pool, steps.Filter{})
	require.Len(t, all, 24)
	require.Equal(t, []string{"ready/1", "waiting/1", "cancelling/1", "compensating/1", "halted/1", "finished/1", "failed/1", "cancelled/1", "ready/2"}, all[:9])
	require.Equal(t, column[string](t, pool, `SELECT key FROM contrail.runs ORDER BY began_at DESC, id DESC`), all)
	now := time.Now()
	for name, test := range map[string]struct {
		filter steps.Filter
		want   []string
	}{
		"workflow":        {steps.Filter{Workflow: "w0"}, all[8:16]},
		"tenant":          {steps.Filter{Tenant: "t-0"}, all[16:]},
		"states":          {steps.Filter{Statuses: []steps.Status{steps.Failed, steps.Halted}, Limit: 3}, []string{"halted/1", "failed/1", "halted/2"}},
		"prefix":          {steps.Filter{KeyPrefix: "cancel"}, []string{"cancelling/1", "cancelled/1", "cancelling/2", "cancelled/2", "cancelling/3", "cancelled/3"}},
		"prefix, literal": {steps.Filter{KeyPrefix: "%/1"}, []string{}},
		"since, until":    {steps.Filter{Since: now.Add(-17*time.Minute - 30*time.Second), Until: now.Add(-15*time.Minute - 30*time.Second)}, all[7:9]},
		"failing":         {steps.Filter{Failing: true}, []string{"ready/1", "ready/2", "ready/3"}},
		"overdue":         {steps.Filter{Overdue: 150 * time.Minute}, []string{"ready/3", "waiting/3", "cancelling/3", "compensating/3"}},
		"error":           {steps.Filter{ErrorContains: "k full", KeyPrefix: "ready/1"}, []string{"ready/1"}},
		"reason, literal": {steps.Filter{ErrorContains: "0%_x"}, []string{"halted/1", "halted/2", "halted/3"}},
		"before":          {steps.Filter{Before: all[9], Limit: 2}, all[10:12]},
		"limit":           {steps.Filter{Limit: 5}, all[:5]},
		"none":            {steps.Filter{Workflow: "w"}, []string{}},
	} {
		require.Equal(t, test.want, keysOf(t, pool, test.filter), name)
	}
	change(t, pool, `UPDATE contrail.runs SET locked_by = 'p', locked_until = now() + interval '1 min', token = 1 WHERE key = 'ready/3'`)
	change(t, pool, `UPDATE contrail.runs SET locked_by = 'p', locked_until = now() - interval '1 min', token = 1 WHERE key = 'waiting/3'`)
	require.Equal(t, []string{"waiting/3", "cancelling/3", "compensating/3"}, keysOf(t, pool, steps.Filter{Overdue: 150 * time.Minute}))
	change(t, pool, `INSERT INTO contrail.run_leases (run, token, until) SELECT id, token, now() + interval '1 min' FROM contrail.runs WHERE key = 'waiting/3'`)
	require.Equal(t, []string{"cancelling/3", "compensating/3"}, keysOf(t, pool, steps.Filter{Overdue: 150 * time.Minute}), "the lease was renewed")
}

// Pages neither repeat a run nor pass over one, while others change and come.
func TestListPages(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	writeRuns(t, pool, 60) // 480, of 200 to a page
	want := keysOf(t, pool, steps.Filter{})
	require.Len(t, want, 480)
	seen := []string{}
	for run, err := range steps.List(t.Context(), pool, steps.Filter{}) {
		require.NoError(t, err)
		if len(seen) == 100 {
			change(t, pool, `UPDATE contrail.runs SET state = 'finished', ended_at = now(), due_at = NULL WHERE state = 'waiting'`)
			_, err := steps.Run(t.Context(), pool, "newer", nil, steps.Tx("a", func(context.Context, pgx.Tx, *steps.State) error { return nil }))
			require.NoError(t, err)
		}
		seen = append(seen, run.Key)
	}
	require.Equal(t, want, seen)
	for _, err := range steps.List(t.Context(), pool, steps.Filter{}) { // nothing is held by who stops early
		require.NoError(t, err)
		break
	}
}

func TestListFaults(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	failure := func(filter steps.Filter) (failure error) {
		for _, err := range steps.List(t.Context(), pool, filter) {
			failure = err
		}
		return failure
	}
	now := time.Now()
	err := failure(steps.Filter{Statuses: []steps.Status{"gone"}, Workflow: "\x00", Since: now, Until: now, Limit: -1, Overdue: -1})
	for _, text := range []string{
		"list runs: steps.Filter: Statuses has \"gone\"", `Workflow is "\x00", must be UTF-8 without NUL`, "Since is ", "Limit is -1", "Overdue is -1ns",
	} {
		require.ErrorContains(t, err, text)
	}
	require.ErrorIs(t, failure(steps.Filter{Before: "gone"}), steps.ErrNotFound)
	_, err = steps.Count(t.Context(), pool, steps.Filter{Overdue: -1})
	require.EqualError(t, err, "count runs: steps.Filter: Overdue is -1ns, must not be negative")
}

func TestCount(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	writeRuns(t, pool, 3)
	counts, err := steps.Count(t.Context(), pool, steps.Filter{Statuses: []steps.Status{steps.Failed, steps.Ready}, Limit: 1})
	require.NoError(t, err)
	require.Equal(t, map[steps.Group]int64{
		{Workflow: "w1", Status: steps.Failed}: 2, {Workflow: "w0", Status: steps.Failed}: 1, {Workflow: "w1", Status: steps.Ready}: 2, {Workflow: "w0", Status: steps.Ready}: 1,
	}, counts)
	counts, err = steps.Count(t.Context(), pool, steps.Filter{Workflow: "none"})
	require.NoError(t, err)
	require.Empty(t, counts)
}

func TestPurge(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	writeRuns(t, pool, 4)
	change(t, pool, `UPDATE contrail.runs SET awaits = '{failed/4}' WHERE key = 'waiting/1'`)
	purged := func(retention steps.Retention) int64 {
		n, err := steps.Purge(t.Context(), pool, retention)
		require.NoError(t, err)
		return n
	}
	day := 24 * time.Hour
	require.Zero(t, purged(steps.Retention{OlderThan: 5 * day}))
	require.Zero(t, purged(steps.Retention{OlderThan: day, Keys: []string{"failed/4", "ready/4"}}), "one is waited for, and one has not ended")
	require.EqualValues(t, 1, purged(steps.Retention{OlderThan: 90 * time.Minute, Statuses: []steps.Status{steps.Finished}, Limit: 1, Batch: 5}))
	require.NotContains(t, keysOf(t, pool, steps.Filter{}), "finished/4", "the one that ended first goes first")
	require.EqualValues(t, 1, purged(steps.Retention{OlderThan: day, Tenant: "t-2", Workflow: "w0", Statuses: []steps.Status{steps.Cancelled}}))
	require.NotContains(t, keysOf(t, pool, steps.Filter{}), "cancelled/2")
	require.EqualValues(t, 6, purged(steps.Retention{OlderThan: 36 * time.Hour, Batch: 2}))
	require.ElementsMatch(t, []string{"finished/1", "failed/1", "cancelled/1", "failed/4"},
		keysOf(t, pool, steps.Filter{Statuses: []steps.Status{steps.Finished, steps.Failed, steps.Cancelled}}))
	require.Len(t, keysOf(t, pool, steps.Filter{}), 24)

	_, err := steps.Purge(t.Context(), pool, steps.Retention{Statuses: []steps.Status{steps.Ready}, Batch: -1, Limit: -1, Keys: []string{"\xff"}})
	for _, text := range []string{"purge runs: steps.Retention: OlderThan is 0s", `Statuses has "ready"`, "Batch is -1", "Limit is -1", `"\xff" must be UTF-8`} {
		require.ErrorContains(t, err, text)
	}
}

// With a run goes all that belongs to it, and the memory that it was.
func TestPurgedRunBeginsAnew(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	for n := range 2 {
		_, err := steps.Run(t.Context(), pool, "x", n, tx("a", func(run *steps.State) error { return run.Set("v", n) }))
		require.NoError(t, err)
		change(t, pool, `UPDATE contrail.runs SET ended_at = ended_at - interval '1 s'`)
		purged, err := steps.Purge(t.Context(), pool, steps.Retention{OlderThan: time.Millisecond})
		require.NoError(t, err)
		require.EqualValues(t, 1, purged)
	}
	require.Equal(t, []string{"a", "a"}, effects(t, pool, "x"))
	for _, table := range []string{"runs", "run_values", "run_log", "run_leases"} {
		require.Equal(t, []int{0}, column[int](t, pool, `SELECT count(*)::int FROM contrail.`+table))
	}
}
