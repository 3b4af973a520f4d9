package steps_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgfault"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// A commit whose answer is lost is no failure of the next step: the run stands free at that one, and nobody waits for a lease. That holds when the first failure is the last
// one, too.
func TestCommitWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	address := pgtest.NewURL(t)
	begin := func(key string, faults ...pgfault.Fault) (trips []string, err error) {
		pool, network, err := pgfault.Open(t.Context(), address, faults...)
		require.NoError(t, err)
		defer pool.Close()
		nothing := func(context.Context, pgx.Tx, *steps.State) error { return nil }
		_, err = newRunner(t, pool, steps.Options{MaxFailures: 1}).Run(t.Context(), key, nil, steps.Tx("a", nothing), steps.Tx("b", nothing))
		return network.Statements(), err
	}
	trips, err := begin("whole")
	require.NoError(t, err)
	commit := slices.IndexFunc(trips, func(trip string) bool {
		return strings.Contains(trip, "run_move") && !strings.HasPrefix(trip, "prepare")
	})
	require.NotEqual(t, -1, commit, trips)
	_, err = begin("lost", pgfault.Fault{Trip: commit + 1, Mode: pgfault.After})
	require.ErrorContains(t, err, "the run may have gone on")
	_, err = begin("lost")
	require.NoError(t, err)
}

// A step that begins another run, and hears that it has lost the lock of that one, has failed like any other.
func TestLockOfAnotherRunIsLost(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	lose := tx("inner", func(*steps.State) error {
		change(t, pool, `UPDATE contrail.runs SET token = token + 1 WHERE key = 'inner'`)
		return nil
	})
	_, err := steps.Run(t.Context(), pool, "outer", nil, steps.Call("a", func(ctx context.Context, _ *steps.State) (int, error) {
		_, err := steps.Run(ctx, pool, "inner", nil, lose)
		return 0, err
	}, nil))
	require.ErrorIs(t, err, steps.ErrLockLost)
	_, recorded := errors.AsType[*steps.StepError](err)
	require.True(t, recorded)
	require.True(t, field[bool](t, pool, "locked_until IS NULL AND failures = 1", "outer"))
}

// A step can't cancel its own run: it fails, and nobody has to wait for its lease.
func TestStepCancelsItsOwnRun(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := steps.Run(t.Context(), pool, "own", nil, steps.Tx("a", func(ctx context.Context, tx pgx.Tx, _ *steps.State) error {
		_, err := steps.Cancel(ctx, tx, "own", byAda())
		return err
	}))
	require.ErrorIs(t, err, steps.ErrLockLost)
	require.True(t, field[bool](t, pool, "state = 'ready' AND locked_until IS NULL AND failures = 1", "own"))
}

// An order in a transaction that takes long, and is rolled back at last, leaves who performs the run alone: its lock is renewed meanwhile.
func TestLockIsRenewedDuringAnOrder(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	runner := newRunner(t, pool, steps.Options{Lease: 2 * time.Second})
	_, err := runner.Run(t.Context(), "ordered", nil, steps.Call("a", func(ctx context.Context, _ *steps.State) (int, error) {
		order, err := pool.Begin(ctx)
		require.NoError(t, err)
		_, err = steps.Cancel(ctx, order, "ordered", byAda())
		require.NoError(t, err)
		eventually(t, func() bool {
			return ctx.Err() != nil || field[bool](t, pool, "locked_until < now() - interval '1 s'", "ordered") //nolint:contextcheck // it is the test's
		})
		return 1, errors.Join(order.Rollback(context.WithoutCancel(ctx)), ctx.Err())
	}, nil))
	require.NoError(t, err)
}
