package steps_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/steps"
)

func requireValue[T any](tb testing.TB, run *steps.State, key string, want T) {
	tb.Helper()
	value, found, err := steps.Get[T](run, key)
	require.NoError(tb, err)
	require.True(tb, found, key)
	require.Equal(tb, want, value)
}

// Null, zero, false and the empty string are values like others, at once and from another process.
func TestFalsyValues(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	look := func(run *steps.State) {
		requireValue[*int](t, run, "null", nil)
		requireValue(t, run, "false", false)
		requireValue(t, run, "zero", 0)
		requireValue(t, run, "empty", "")
		requireValue(t, run, "none", []string{})
		_, found, err := steps.Get[int](run, "never set")
		require.NoError(t, err)
		require.False(t, found)
	}
	stop := true
	list := []steps.Step{
		steps.Tx("set", func(_ context.Context, _ pgx.Tx, run *steps.State) error {
			for key, value := range map[string]any{"null": nil, "false": false, "zero": 0, "empty": "", "none": []string{}} {
				require.NoError(t, run.Set(key, value))
			}
			look(run)
			return nil
		}),
		tx("look", func(run *steps.State) error {
			look(run)
			if stop {
				return errBroken
			}
			return nil
		}),
	}
	_, err := steps.Run(t.Context(), pool, "falsy", nil, list...)
	require.ErrorIs(t, err, errBroken)
	stop = false
	_, err = steps.Run(t.Context(), pool, "falsy", nil, list...)
	require.NoError(t, err)
}

// What a step sets is there for itself at once, and for others with its commit.
func TestValuesAreUndoneWithTheirStep(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	attempt := 0
	run := func() error {
		_, err := steps.Run(t.Context(), pool, "values", nil,
			tx("a", func(run *steps.State) error { return run.Set("n", 1) }),
			tx("b", func(run *steps.State) error {
				requireValue(t, run, "n", 1)
				require.NoError(t, run.Set("n", 2))
				require.NoError(t, run.Set("m", 2))
				requireValue(t, run, "n", 2)
				if attempt++; attempt == 1 {
					require.NoError(t, run.Return("lost"))
					return errBroken
				}
				return nil
			}),
			tx("c", func(run *steps.State) error {
				requireValue(t, run, "n", 2)
				return nil
			}))
		return err
	}
	require.ErrorIs(t, run(), errBroken)
	require.Equal(t, []string{"n=1"}, column[string](t, pool, "SELECT key || '=' || value FROM contrail.run_values"))
	require.NoError(t, run())
	require.Equal(t, []string{"m=2", "n=2"}, column[string](t, pool, "SELECT key || '=' || value FROM contrail.run_values ORDER BY key"))
	require.True(t, field[bool](t, pool, "result IS NULL", "values"))
}

// A step that fails for good keeps nothing of what it has set, nor does one that is tried again.
func TestValuesOfAStepThatFailsForGood(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	tries := 0
	_, err := steps.Run(t.Context(), pool, "for good", nil,
		steps.Tx("a", func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
			if tries++; tries == 1 {
				require.NoError(t, run.Set("first", true))
				_, err := tx.Exec(ctx, `DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '40001'; END $$`)
				return err
			}
			_, found, err := steps.Get[bool](run, "first")
			require.False(t, found)
			return err
		}).UndoCall(func(_ context.Context, run *steps.State) error {
			_, found, err := steps.Get[bool](run, "last")
			require.False(t, found)
			return err
		}),
		tx("b", func(run *steps.State) error { return errors.Join(run.Set("last", true), run.Return("lost"), permanent) }))
	require.ErrorIs(t, err, steps.ErrFailed)
	require.Empty(t, column[string](t, pool, "SELECT key FROM contrail.run_values"))
	require.True(t, field[bool](t, pool, "result IS NULL", "for good"))
}

func TestValueOfAnotherType(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := steps.Run(t.Context(), pool, "types", nil, tx("a", func(run *steps.State) error {
		require.NoError(t, run.Set("n", "text"))
		_, _, err := steps.Get[int](run, "n")
		return err
	}))
	require.ErrorIs(t, err, steps.ErrFailed)
	require.ErrorContains(t, err, `get value "n"`)
	_, err = steps.Run(t.Context(), pool, "bad key", nil, tx("a", func(run *steps.State) error { return run.Set("", 1) }))
	require.ErrorContains(t, err, `set a value: the key "" is empty`)
	_, err = steps.Run(t.Context(), pool, "bad args", "text", tx("a", func(run *steps.State) error {
		_, err := steps.Args[int](run)
		return err
	}))
	require.ErrorContains(t, err, "read the run's args")
}

// The key of a step is the same at each try, and another one in each round, in its undo, in other steps and other runs.
func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	seen := map[string]int{}
	attempt := 0
	note := func(run *steps.State) {
		require.NotEqual(t, uuid.Nil, run.RunID())
		seen[run.Key()]++
	}
	for _, key := range []string{"one", "two"} {
		for range 2 {
			_, _ = steps.Run(t.Context(), pool, key, nil,
				tx("a", func(run *steps.State) error {
					note(run)
					return nil
				}).UndoCall(func(_ context.Context, run *steps.State) error {
					note(run)
					return nil
				}),
				tx("b", func(run *steps.State) error {
					note(run)
					if run.Round() == 0 {
						return steps.Repeat()
					}
					if attempt++; attempt%2 == 1 {
						return errBroken
					}
					return nil
				}),
				steps.Call("c", func(_ context.Context, run *steps.State) (int, error) {
					note(run)
					return 0, fmt.Errorf("c: %w", permanent)
				}, nil))
		}
	}
	var counts []int
	for _, n := range seen {
		counts = append(counts, n)
	}
	require.ElementsMatch(t, []int{1, 1, 2, 1, 1, 1, 1, 2, 1, 1}, counts, "%v", seen)
}

// No two calls of a run have the same key, whatever the steps are called, and each key fits into a header.
func TestKeysOfCallsDiffer(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	keys := map[string]string{}
	note := func(run *steps.State) {
		what := fmt.Sprint(run.Step(), " ", run.Round())
		require.NotContains(t, keys, run.Key(), "%s and %s", what, keys[run.Key()])
		require.Regexp(t, `^[!-~]+$`, run.Key())
		keys[run.Key()] = what
	}
	call := func(name string, then error) steps.Step {
		return steps.Call(name, func(_ context.Context, run *steps.State) (int, error) {
			note(run)
			if run.Round() == 0 {
				return 0, steps.Repeat()
			}
			return 0, then
		}, nil).UndoCall(func(_ context.Context, run *steps.State) error {
			note(run)
			return nil
		})
	}
	_, err := steps.Run(t.Context(), pool, "keys", nil, call("a/1", nil), call("a/undo", nil), call("a%2Fundo", nil), call("a/1/undo", nil), call("Zürich 市", nil),
		call("a", permanent))
	require.ErrorIs(t, err, steps.ErrFailed)
	require.Len(t, keys, 18)
}
