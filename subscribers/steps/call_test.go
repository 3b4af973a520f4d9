package steps_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// provider knows the keys that it was called with, as payment providers do.
type provider struct {
	calls   times
	charges map[string]int
}

func (p *provider) charge(_ context.Context, run *steps.State) (int, error) {
	p.calls.add("charge")
	if p.charges == nil {
		p.charges = map[string]int{}
	}
	if _, known := p.charges[run.Key()]; !known {
		p.charges[run.Key()] = len(p.charges) + 1
	}
	return p.charges[run.Key()], nil
}

// The call has succeeded, and recording it failed: it is made again with the same key, and takes effect once on both sides.
func TestCallThatCouldNotBeRecorded(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	var there provider
	recorded := 0
	run := func() error {
		_, err := steps.Run(t.Context(), pool, "charges", nil,
			steps.Call("charge", func(ctx context.Context, run *steps.State) (int, error) {
				require.NoError(t, run.Set("called", run.Attempt()))
				return there.charge(ctx, run)
			}, func(ctx context.Context, tx pgx.Tx, run *steps.State, number int) error {
				require.Equal(t, 1, number)
				require.NoError(t, effect(ctx, tx, run))
				if recorded++; recorded == 1 {
					return errBroken
				}
				return run.Set("number", number)
			}),
			tx("after", func(run *steps.State) error {
				requireValue(t, run, "number", 1)
				requireValue(t, run, "called", 2)
				return nil
			}))
		return err
	}
	require.ErrorIs(t, run(), errBroken)
	require.Empty(t, effects(t, pool, "charges"))
	require.Empty(t, column[string](t, pool, "SELECT key FROM contrail.run_values"))
	require.NoError(t, run())
	require.Equal(t, []string{"charge", "after"}, effects(t, pool, "charges"))
	require.Equal(t, 2, there.calls.of("charge"))
	require.Len(t, there.charges, 1)
}

// No connection is held while a call is made, and no transaction is open.
func TestCallHoldsNoConnection(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := steps.Run(t.Context(), pool, "free", nil, tx("a", fine), steps.Call("b", func(context.Context, *steps.State) (int, error) {
		require.Zero(t, pool.Stat().AcquiredConns())
		return 0, nil
	}, nil))
	require.NoError(t, err)
}

// A call may end in a verdict in place of a result: what it has set is kept.
func TestCallThatIsRepeated(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := steps.Run(t.Context(), pool, "polls", nil,
		steps.Call("poll", func(_ context.Context, run *steps.State) (string, error) {
			if run.Round() < 2 {
				require.NoError(t, run.Set("polled", run.Round()))
				return "", steps.Repeat()
			}
			requireValue(t, run, "polled", 1)
			return "ready", nil
		}, func(_ context.Context, _ pgx.Tx, run *steps.State, answer string) error { return run.Return(answer) }))
	require.NoError(t, err)
	require.Equal(t, []string{"poll repeated", "poll repeated", "poll succeeded"}, story(t, pool, "polls"))
}

// The transaction that records a call is tried again without the call when the database has refused it for the sake of another one.
func TestCallIsNotMadeAgainForAConflict(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	var there provider
	tries := 0
	_, err := steps.Run(t.Context(), pool, "conflicts", nil, steps.Call("charge", there.charge,
		func(ctx context.Context, tx pgx.Tx, run *steps.State, _ int) error {
			require.NoError(t, effect(ctx, tx, run))
			if tries++; tries < 3 {
				_, err := tx.Exec(ctx, `DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '40001'; END $$`)
				return err
			}
			return nil
		}))
	require.NoError(t, err)
	require.Equal(t, 1, there.calls.of("charge"))
	require.Equal(t, []string{"charge"}, effects(t, pool, "conflicts"))
}
