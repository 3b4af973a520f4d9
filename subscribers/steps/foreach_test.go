package steps_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/steps"
)

type line struct {
	Name string `json:"name"`
	N    int    `json:"n"`
}

// forLines goes through count lines; list and each may fail.
func forLines(count int, list func() error, each func(run *steps.State, element line) error) steps.Step {
	return steps.ForEach("lines", func(ctx context.Context, tx pgx.Tx, run *steps.State) ([]line, error) {
		if err := effectNamed(ctx, tx, run, "list"); err != nil {
			return nil, err
		}
		lines := make([]line, count)
		for i := range lines {
			lines[i] = line{Name: fmt.Sprintf("line %d", i), N: i}
		}
		return lines, list()
	}, func(ctx context.Context, tx pgx.Tx, run *steps.State, element line) error {
		if err := effectNamed(ctx, tx, run, element.Name); err != nil {
			return err
		}
		return each(run, element)
	})
}

// The effect of an element and the cursor behind it commit together: wherever it breaks, each element takes effect once.
func TestIterationBreaksBeforeTheCursorMoves(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	want := []string{"list", "line 0", "line 1", "line 2", "line 3", "after"}
	for at := -1; at < 4; at++ {
		key := fmt.Sprintf("breaks/%d", at)
		broke := false
		breaks := func(here bool) error {
			if here && !broke {
				broke = true
				return errBroken
			}
			return nil
		}
		run := func() (json.RawMessage, error) {
			return steps.Run(t.Context(), pool, key, nil, forLines(4, func() error { return breaks(at == -1) }, func(run *steps.State, element line) error {
				require.Equal(t, int64(element.N), run.Round())
				require.Equal(t, broke && element.N == at, run.Retrying())
				return breaks(at == element.N)
			}), tx("after", fine))
		}
		_, err := run()
		require.ErrorIs(t, err, errBroken)
		require.Len(t, effects(t, pool, key), at+1)
		_, err = run()
		require.NoError(t, err)
		require.Equal(t, want, effects(t, pool, key))
		require.Equal(t, []string{"lines", "after"}, logged(t, pool, key, "succeeded"))
		require.True(t, field[bool](t, pool, "list IS NULL AND round = 0", key))
	}
}

func TestEmptyList(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := steps.Run(t.Context(), pool, "empty", nil, forLines(0, func() error { return nil }, nil), tx("after", fine))
	require.NoError(t, err)
	require.Equal(t, []string{"list", "after"}, effects(t, pool, "empty"))
}

// Two steps may go through lists, and each has its own.
func TestTwoLists(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	numbers := func(name string, list ...int) steps.Step {
		return steps.ForEach(name, func(context.Context, pgx.Tx, *steps.State) ([]int, error) { return list, nil },
			func(ctx context.Context, tx pgx.Tx, run *steps.State, n int) error {
				return effectNamed(ctx, tx, run, fmt.Sprint(name, n))
			})
	}
	_, err := steps.Run(t.Context(), pool, "two", nil, numbers("a", 1, 2), numbers("b", 3))
	require.NoError(t, err)
	require.Equal(t, []string{"a1", "a2", "b3"}, effects(t, pool, "two"))
}

// An element may be performed again, and wait: it stays the same one.
func TestElementThatIsRepeated(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	calls := 0
	run := func() error {
		_, err := steps.Run(t.Context(), pool, "again", nil, forLines(2, func() error { return nil }, func(run *steps.State, element line) error {
			switch calls++; calls {
			case 1:
				return steps.Repeat()
			case 2:
				return steps.Wait(time.Hour)
			}
			return nil
		}))
		return err
	}
	require.ErrorIs(t, run(), steps.ErrWaiting)
	makeDue(t, pool, "again")
	require.NoError(t, run())
	require.Equal(t, []string{"list", "line 0", "line 0", "line 0", "line 1"}, effects(t, pool, "again"))
}
