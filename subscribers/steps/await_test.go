package steps_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/steps"
)

func awaitChildren(tb testing.TB, pool *pgxpool.Pool, keys ...string) error {
	tb.Helper()
	_, err := steps.Run(tb.Context(), pool, "parent", nil, tx("before", fine),
		steps.Await("children", func(ctx context.Context, tx pgx.Tx, run *steps.State) ([]string, error) {
			return keys, effectNamed(ctx, tx, run, "asked")
		}), tx("after", fine))
	return err
}

// A run waits for two others: one finishes, and the other one fails.
func TestAwaitTwoChildren(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := steps.Run(t.Context(), pool, "first", nil, tx("a", broken))
	require.ErrorIs(t, err, errBroken)
	wait := func() {
		t.Helper()
		err := awaitChildren(t, pool, "first", "second")
		var waiting *steps.WaitingError
		require.ErrorAs(t, err, &waiting)
		require.Equal(t, []string{"first", "second"}, waiting.Awaits)
	}
	wait()
	_, err = steps.Run(t.Context(), pool, "first", nil, tx("a", fine))
	require.NoError(t, err)
	require.True(t, field[bool](t, pool, "due_at <= now()", "parent"), "the end of another makes it due")
	wait()
	require.True(t, field[bool](t, pool, "due_at > now()", "parent"))
	_, err = steps.Run(t.Context(), pool, "second", nil, tx("a", func(*steps.State) error { return permanent }))
	require.ErrorIs(t, err, steps.ErrFailed)
	require.True(t, field[bool](t, pool, "due_at <= now()", "parent"))
	require.NoError(t, awaitChildren(t, pool, "first", "second"))
	require.Equal(t, []string{"before", "asked", "after"}, effects(t, pool, "parent"))
	require.Equal(t, []string{"before succeeded", "children waiting", "children succeeded", "after succeeded"}, story(t, pool, "parent"))
}

func TestAwaitRunsThatHaveEnded(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := steps.Run(t.Context(), pool, "child", nil, tx("a", fine))
	require.NoError(t, err)
	require.NoError(t, awaitChildren(t, pool, "child", "child"))
	_, err = steps.Run(t.Context(), pool, "none", nil, steps.Await("nobody", func(context.Context, pgx.Tx, *steps.State) ([]string, error) { return nil, nil }))
	require.NoError(t, err)
}

func TestAwaitItself(t *testing.T) {
	t.Parallel()
	err := awaitChildren(t, newEffects(t), "parent", "")
	require.ErrorIs(t, err, steps.ErrFailed)
	require.ErrorContains(t, err, `await the run "parent": it is this one`)
	require.ErrorContains(t, err, `await the run "": the key is empty`)
}
