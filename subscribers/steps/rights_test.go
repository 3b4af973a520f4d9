package steps_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// as returns a pool whose sessions have a role.
func as(tb testing.TB, pool *pgxpool.Pool, role string) *pgxpool.Pool {
	tb.Helper()
	config := pool.Config()
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "SET ROLE "+role)
		return err
	}
	other, err := pgxpool.NewWithConfig(tb.Context(), config)
	require.NoError(tb, err)
	tb.Cleanup(other.Close)
	return other
}

// The role contrail_consume is enough, also for a lock that is renewed; without it the error says what to do.
func TestRightsOfARun(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	require.NoError(t, eventstore.GrantRoles(t.Context(), pool))
	list := []steps.Step{
		steps.Tx("a", func(_ context.Context, _ pgx.Tx, run *steps.State) error {
			eventually(t, func() bool { return len(column[int64](t, pool, "SELECT token FROM contrail.run_leases")) > 0 }) //nolint:contextcheck // it is the test's
			return errors.Join(run.Set("n", 1), steps.Wait(time.Hour))
		}),
	}
	runner := newRunner(t, as(t, pool, "contrail_consume"), steps.Options{Lease: 2 * time.Second})
	_, err := runner.Run(t.Context(), "allowed", nil, list...)
	require.ErrorIs(t, err, steps.ErrWaiting)
	_, err = steps.Run(t.Context(), as(t, pool, "contrail_read"), "refused", nil, list...)
	require.ErrorContains(t, err, "contrail_consume")
}

func TestDatabaseThatIsNotMigrated(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), pgtest.Empty(t))
	require.NoError(t, err)
	defer pool.Close()
	_, err = steps.Run(t.Context(), pool, "key", nil, tx("a", fine))
	require.ErrorContains(t, err, "begin run key")
	require.ErrorContains(t, err, "contrail migrate")
}

// Workers and handlers get on with contrail_consume, who looks with contrail_read, and who decides with contrail_operate.
func TestRightsOfWhoLooksAfterRuns(t *testing.T) {
	t.Parallel()
	owner := newEffects(t)
	require.NoError(t, eventstore.GrantRoles(t.Context(), owner))
	_, err := owner.Exec(t.Context(), `GRANT ALL ON effects TO contrail_consume`)
	require.NoError(t, err)
	consume, read, operate := as(t, owner, "contrail_consume"), as(t, owner, "contrail_read"), as(t, owner, "contrail_operate")
	worker := newWorker(t, consume, steps.WorkerConfig{}, undoable(), abc())
	work(t, worker)
	begin(t, consume, worker, "undoable", "x")
	begin(t, consume, worker, "abc", "y")
	stands(t, read, "x", steps.Waiting)
	stands(t, read, "y", steps.Finished)
	for _, err := range steps.List(t.Context(), read, steps.Filter{}) {
		require.NoError(t, err)
	}
	_, err = steps.Count(t.Context(), read, steps.Filter{})
	require.NoError(t, err)
	for _, pool := range []*pgxpool.Pool{consume, operate} {
		_, err = steps.Cancel(t.Context(), pool, "x", byAda())
		require.NoError(t, err)
		_, err = steps.Retry(t.Context(), pool, "x", byAda())
		require.NoError(t, err)
	}
	stands(t, read, "x", steps.Cancelled)
	for _, give := range []func(context.Context, steps.Beginner, string, steps.Order) (steps.Outcome, error){steps.Cancel, steps.Abandon, steps.Retry} {
		_, err = give(t.Context(), read, "x", byAda())
		require.ErrorContains(t, err, "permission denied")
	}
	_, err = steps.Purge(t.Context(), operate, steps.Retention{OlderThan: 1})
	require.NoError(t, err)
	require.Empty(t, column[string](t, read, `SELECT key FROM contrail.runs`))
}
