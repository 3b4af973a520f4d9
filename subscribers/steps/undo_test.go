package steps_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/steps"
)

func undo(ctx context.Context, tx pgx.Tx, run *steps.State) error {
	return effectNamed(ctx, tx, run, "undo "+run.Step())
}

func fails(*steps.State) error { return permanent }

// What the steps have done is undone in reverse order, once, by those that can be undone; the failed step itself has done nothing.
func TestUndoInReverseOrder(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	run := func() error {
		_, err := steps.Run(t.Context(), pool, "undo", nil,
			tx("a", func(run *steps.State) error { return run.Set("hold", 7) }).Undo(func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
				requireValue(t, run, "hold", 7)
				return undo(ctx, tx, run)
			}), tx("b", fine), tx("c", fine).Undo(undo), tx("d", fine).Undo(undo), tx("e", fails).Undo(undo), tx("f", fine).Undo(undo))
		return err
	}
	for range 2 {
		require.EqualError(t, run(), `run undo: the run has failed: step "e": out of paper`)
		require.Equal(t, []string{"a", "b", "c", "d", "undo d", "undo c", "undo a"}, effects(t, pool, "undo"))
	}
	require.Equal(t, []string{
		"a succeeded", "b succeeded", "c succeeded", "d succeeded", "e failed", "d undone", "c undone", "a undone",
	}, story(t, pool, "undo"))
	require.Equal(t, steps.Failed, statusOf(t, pool, "undo"))
}

// An undo that fails is tried again, from where it stood.
func TestUndoIsTriedAgain(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	failed := map[string]bool{}
	once := func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
		if err := undo(ctx, tx, run); err != nil || failed[run.Step()] {
			return err
		}
		failed[run.Step()] = true
		return errBroken
	}
	run := func() error {
		_, err := steps.Run(t.Context(), pool, "again", nil, tx("a", fine).Undo(once), tx("b", fine).Undo(once), tx("c", fails))
		return err
	}
	for _, at := range []string{"b", "a"} {
		err := run()
		var failure *steps.StepError
		require.ErrorAs(t, err, &failure)
		require.Equal(t, at, failure.Step)
		require.Equal(t, steps.Compensating, statusOf(t, pool, "again"))
	}
	require.ErrorIs(t, run(), steps.ErrFailed)
	require.Equal(t, []string{"a", "b", "undo b", "undo a"}, effects(t, pool, "again"))
}

// An undo that has failed for good waits for a person, and the run is undone further when that one says so.
func TestUndoThatFailsForGood(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	verdict := permanent
	run := func() error {
		_, err := steps.Run(t.Context(), pool, "stuck", nil, tx("a", fine).Undo(undo), tx("b", fine).Undo(func(context.Context, pgx.Tx, *steps.State) error {
			return verdict
		}), tx("c", func(*steps.State) error { return fmt.Errorf("declined: %w", permanent) }))
		return err
	}
	for range 2 {
		err := run()
		require.ErrorIs(t, err, steps.ErrHalted)
		require.ErrorContains(t, err, `in step "b": what it has done could not be undone: out of paper`)
	}
	verdict = nil
	change(t, pool, `UPDATE contrail.runs SET state = 'compensating', due_at = now()`)
	require.EqualError(t, run(), `run stuck: the run has failed: step "c": declined: out of paper`, "not the undo's error")
	require.Equal(t, []string{"a", "b", "undo a"}, effects(t, pool, "stuck"))
}

// A step that has not succeeded is undone if something of it is committed.
func TestUndoOfAStepThatIsNotOver(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	rounds := func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
		return effectNamed(ctx, tx, run, fmt.Sprintf("undo %d rounds", run.Round()))
	}
	for name, test := range map[string]struct {
		step steps.Step
		want []string
	}{
		"nothing": {tx("s", fails).Undo(rounds), []string{}},
		"a round": {tx("s", func(run *steps.State) error {
			if run.Round() == 0 {
				return steps.Repeat()
			}
			return permanent
		}).Undo(rounds), []string{"s", "undo 1 rounds"}},
		"no element": {forLines(3, func() error { return nil }, func(*steps.State, line) error { return permanent }).Undo(rounds), []string{"list", "undo 0 rounds"}},
		"two elements": {forLines(3, func() error { return nil }, func(_ *steps.State, element line) error {
			if element.N == 2 {
				return permanent
			}
			return nil
		}).Undo(rounds), []string{"list", "line 0", "line 1", "undo 2 rounds"}},
		"a call": {steps.Call("s", func(context.Context, *steps.State) (int, error) { return 0, permanent }, nil).Undo(rounds), []string{"undo 0 rounds"}},
	} {
		_, err := steps.Run(t.Context(), pool, name, nil, test.step)
		require.ErrorIs(t, err, steps.ErrFailed, name)
		require.Equal(t, test.want, effects(t, pool, name), name)
	}
}

// What was done outside is undone outside, with a key of its own, and without a connection.
func TestUndoCall(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	var keys []string
	attempt := 0
	run := func() error {
		_, err := steps.Run(t.Context(), pool, "refunds", nil,
			steps.Call("charge", func(_ context.Context, run *steps.State) (int, error) {
				keys = append(keys, run.Key())
				return 7, nil
			}, func(_ context.Context, _ pgx.Tx, run *steps.State, number int) error {
				return run.Set("charge", number)
			}).
				UndoCall(func(_ context.Context, run *steps.State) error {
					require.Zero(t, pool.Stat().AcquiredConns())
					requireValue(t, run, "charge", 7)
					keys = append(keys, run.Key())
					if attempt++; attempt == 1 {
						return errBroken
					}
					return run.Set("refunded", true)
				}),
			tx("ship", fails))
		return err
	}
	require.ErrorIs(t, run(), errBroken)
	require.ErrorIs(t, run(), steps.ErrFailed)
	id := field[string](t, pool, "id::text", "refunds")
	require.Equal(t, []string{id + "/charge", id + "/charge/undo", id + "/charge/undo"}, keys)
	require.Equal(t, []string{"charge=7", "refunded=true"}, column[string](t, pool, "SELECT key || '=' || value FROM contrail.run_values ORDER BY key"))
}

// An undo may wait, as a step may.
func TestUndoThatWaits(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	run := func() error {
		_, err := steps.Run(t.Context(), pool, "slow", nil, tx("a", fine).Undo(func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
			require.NoError(t, undo(ctx, tx, run))
			switch run.Round() {
			case 0:
				return steps.Repeat()
			case 1:
				return steps.Wait(time.Hour)
			}
			return nil
		}), tx("b", fails))
		return err
	}
	for range 2 {
		require.ErrorIs(t, run(), steps.ErrWaiting)
	}
	makeDue(t, pool, "slow")
	require.ErrorIs(t, run(), steps.ErrFailed)
	require.Equal(t, []string{"a", "undo a", "undo a", "undo a"}, effects(t, pool, "slow"))
}

// A run that somebody has cancelled, between its steps or while it is performed, is undone by whoever has its steps.
func TestUndoOfACancelledRun(t *testing.T) {
	t.Parallel()
	const cancel = `UPDATE contrail.runs SET state = 'cancelling', ends_as = 'cancelled', reason = 'paid', token = token + 1, due_at = now(),
		retrying = retrying OR locked_until IS NOT NULL, locked_by = '', locked_until = NULL, failures = 0, awaits = '{}' WHERE key = $1`
	pool := newEffects(t)
	waits := []steps.Step{tx("a", fine).Undo(undo), steps.Sleep("wait", time.Hour), tx("b", fine).Undo(undo)}
	_, err := steps.Run(t.Context(), pool, "waits", nil, waits...)
	require.ErrorIs(t, err, steps.ErrWaiting)
	change(t, pool, cancel, "waits")
	for range 2 {
		_, err = steps.Run(t.Context(), pool, "waits", nil, waits...)
		require.EqualError(t, err, "run waits: the run was cancelled: paid")
		require.ErrorIs(t, err, steps.ErrCancelled)
	}
	require.Equal(t, []string{"a", "undo a"}, effects(t, pool, "waits"))
	require.Equal(t, steps.Cancelled, statusOf(t, pool, "waits"))

	during := func(here bool) []steps.Step {
		return []steps.Step{tx("a", fine).Undo(undo), steps.Call("b", func(context.Context, *steps.State) (int, error) {
			if here {
				change(t, pool, cancel, "during") //nolint:contextcheck // it is the test's
			}
			return 0, nil
		}, nil).UndoCall(func(ctx context.Context, run *steps.State) error {
			_, err := pool.Exec(ctx, `INSERT INTO effects (run, effect) VALUES ($1, 'undo call')`, run.RunKey())
			return err
		})}
	}
	_, err = steps.Run(t.Context(), pool, "during", nil, during(true)...)
	require.ErrorIs(t, err, steps.ErrLockLost)
	_, err = steps.Run(t.Context(), pool, "during", nil, during(false)...)
	require.ErrorIs(t, err, steps.ErrCancelled)
	require.Equal(t, []string{"a", "undo call", "undo a"}, effects(t, pool, "during"))
}

// The last step's Undo may fail for good, too.
func TestUndoOfTheLastStepFailsForGood(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := steps.Run(t.Context(), pool, "last", nil, steps.Call("a", func(context.Context, *steps.State) (int, error) { return 0, permanent }, nil).
		Undo(func(context.Context, pgx.Tx, *steps.State) error { return permanent }))
	require.ErrorIs(t, err, steps.ErrHalted)
}
