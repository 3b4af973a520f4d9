package steps_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// takeOver performs the child's run to its end, as soon as its lease has run out.
func takeOver(tb testing.TB, pool *pgxpool.Pool) {
	tb.Helper()
	runner := newRunner(tb, pool, childOptions)
	eventually(tb, func() bool {
		_, err := runner.Run(tb.Context(), childKey, nil, phased(pool, func(string) {})...)
		if errors.Is(err, steps.ErrLocked) || errors.Is(err, steps.ErrLockLost) { // the lease is short, and this machine may be slow
			return false
		}
		require.ErrorIs(tb, err, steps.ErrFailed)
		return true
	})
}

// requireOnce wants each effect once, and each call with its one key.
func requireOnce(tb testing.TB, pool *pgxpool.Pool, point string) {
	tb.Helper()
	require.Equal(tb, whatIsDone(), effects(tb, pool, childKey))
	require.Equal(tb, []string{"a", "b", "list", "c"}, logged(tb, pool, childKey, "succeeded"))
	require.Equal(tb, []string{"d"}, logged(tb, pool, childKey, "failed"))
	require.Equal(tb, []string{"c", "b", "a"}, logged(tb, pool, childKey, "undone"))
	calls := column[int](tb, pool, `SELECT calls FROM outside ORDER BY key`)
	require.Len(tb, calls, 2, "a charge and a refund, whatever happened between")
	for _, times := range calls {
		require.LessOrEqual(tb, times, 2, "it was made again at most where the process was killed, at %q", point)
	}
	require.Equal(tb, []string{"charge=7"}, column[string](tb, pool, "SELECT key || '=' || value FROM contrail.run_values"))
}

// A process is killed in each phase of its run; another one takes the run over, and in the end each effect is there once.
func TestKilledInEachPhase(t *testing.T) {
	t.Parallel()
	for _, point := range points() {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			pool := newPhased(t)
			child := startChild(t, pool, point)
			require.NoError(t, child.Process.Kill())
			require.ErrorContains(t, child.Wait(), "killed")
			takeOver(t, pool)
			requireOnce(t, pool, point)
		})
	}
}

// A process is frozen, in a transaction that holds locks or outside any, until another one has taken its run over and ended it. When it goes on, it
// commits nothing.
func TestFrozenProcessCommitsNothing(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"a is done", "after the call", "recorded", "element 1 is done", "undone c", "after the refund"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			pool := newPhased(t)
			_, err := pool.Exec(t.Context(), `ALTER TABLE effects ADD CONSTRAINT effects_once UNIQUE (run, effect)`) // whoever comes waits for the frozen one's rows
			require.NoError(t, err)
			child := startChild(t, pool, point)
			require.NoError(t, child.Process.Signal(syscall.SIGSTOP))
			t.Cleanup(func() { _ = child.Process.Kill() })
			takeOver(t, pool)
			requireOnce(t, pool, point)
			_, err = fmt.Fprintln(child.in, "go")
			require.NoError(t, err)
			require.NoError(t, child.Process.Signal(syscall.SIGCONT))
			require.NotContains(t, child.line(t), "run child: the run has failed", "it has not ended the run")
			require.NoError(t, child.Wait())
			requireOnce(t, pool, point)
			require.True(t, field[bool](t, pool, "failures = 0 AND locked_until IS NULL", childKey))
		})
	}
}
