package steps_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// Sixteen on one key, each on a connection of its own: one performs the run, and nothing is done twice.
func TestSixteenOnOneKey(t *testing.T) {
	t.Parallel()
	const workers, keys = 16, 5
	pool := newEffects(t)
	config := pool.Config()
	config.MaxConns = 2 * workers
	wide, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	defer wide.Close()
	var group sync.WaitGroup
	outcomes := make(chan error, workers*keys)
	for key := range keys {
		begin := make(chan struct{})
		for range workers {
			group.Go(func() {
				<-begin
				_, err := steps.Run(t.Context(), wide, strconv.Itoa(key), nil, threeSteps()...)
				outcomes <- err
			})
		}
		close(begin)
	}
	group.Wait()
	close(outcomes)
	won := 0
	for err := range outcomes {
		if err == nil {
			won++
			continue
		}
		require.ErrorIs(t, err, steps.ErrLocked)
	}
	require.GreaterOrEqual(t, won, keys)
	for key := range keys {
		require.Equal(t, []string{"a", "b", "c"}, effects(t, pool, strconv.Itoa(key)))
		require.Equal(t, 1, field[int](t, pool, "token", strconv.Itoa(key)), "it was locked once")
	}
}

// A step that takes longer than the lease keeps its run, whatever its isolation: the renewals don't touch what it writes.
func TestLockIsRenewed(t *testing.T) {
	t.Parallel()
	for _, level := range []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.Serializable} {
		t.Run(string(level), func(t *testing.T) {
			t.Parallel()
			pool := newEffects(t)
			runner := newRunner(t, pool, steps.Options{Lease: 3 * time.Second, Isolation: level})
			calls := 0
			_, err := runner.Run(t.Context(), "long", nil, steps.Tx("a", func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
				calls++
				_, err := tx.Exec(ctx, `SELECT pg_sleep(4)`)
				require.NoError(t, err)
				require.True(t, field[bool](t, pool, "locked_until < now()", "long")) //nolint:contextcheck // it is the test's
				_, err = steps.Run(ctx, pool, "long", nil, tx1("a"))
				require.ErrorIs(t, err, steps.ErrLocked)
				return effect(ctx, tx, run)
			}))
			require.NoError(t, err)
			require.Equal(t, 1, calls)
			require.Equal(t, []string{"a"}, effects(t, pool, "long"))
		})
	}
}

// tx1 is tx where that name is a transaction's.
func tx1(name string) steps.Step { return tx(name, fine) }

// Whoever has lost the lock is told by its ctx, and commits nothing.
func TestLockIsLost(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	runner := newRunner(t, pool, steps.Options{Lease: time.Second})
	_, err := runner.Run(t.Context(), "lost", nil, steps.Tx("a", func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
		require.NoError(t, effect(ctx, tx, run))
		change(t, pool, `UPDATE contrail.runs SET token = token + 1`) //nolint:contextcheck // it is the test's
		receive(t, ctx.Done())
		return nil
	}))
	require.ErrorIs(t, err, steps.ErrLockLost)
	require.Empty(t, effects(t, pool, "lost"))
	require.Equal(t, 0, field[int](t, pool, "failures", "lost"))

	_, err = runner.Run(t.Context(), "taken", nil, steps.Tx("a", func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
		change(t, pool, `UPDATE contrail.runs SET token = token + 1 WHERE key = 'taken'`) //nolint:contextcheck // it is the test's
		receive(t, ctx.Done())
		return fmt.Errorf("interrupted: %w", ctx.Err())
	}))
	require.ErrorIs(t, err, steps.ErrLockLost)
	require.Equal(t, 0, field[int](t, pool, "failures", "taken"))
	require.True(t, field[bool](t, pool, "locked_until IS NOT NULL", "taken"), "it is another one's")
}

// A lock that can't be renewed in time is lost: others may have the run.
func TestLockThatCannotBeRenewed(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	config := pool.Config()
	config.MaxConns = 1 // which the step has
	narrow, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	defer narrow.Close()
	runner := newRunner(t, narrow, steps.Options{Lease: time.Second})
	_, err = runner.Run(t.Context(), "narrow", nil, steps.Tx("a", func(ctx context.Context, _ pgx.Tx, _ *steps.State) error {
		receive(t, ctx.Done())
		return context.Cause(ctx)
	}))
	require.ErrorIs(t, err, steps.ErrLockLost)
	require.ErrorContains(t, err, "could not be renewed")
	require.True(t, field[bool](t, pool, "failures = 1 AND locked_until IS NULL", "narrow"), "nobody has taken it over: the step has failed")
	_, err = steps.Run(t.Context(), pool, "narrow", nil, tx("a", fine))
	require.NoError(t, err)
}

// A lock that can't be released is left to run out, and the step's error is what comes back.
func TestErrorWhileUnlocking(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	runner := newRunner(t, pool, steps.Options{Lease: time.Second})
	_, err := pool.Exec(t.Context(), `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no unlocking'; END $$;
		CREATE TRIGGER refuse BEFORE UPDATE ON contrail.runs FOR EACH ROW WHEN (NEW.locked_until IS NULL) EXECUTE FUNCTION refuse()`)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	_, err = runner.Run(ctx, "stuck", nil, tx("a", func(*steps.State) error {
		cancel()
		return errBroken
	}))
	require.ErrorIs(t, err, errBroken)
	_, err = runner.Run(t.Context(), "failing", nil, tx("a", broken))
	require.ErrorIs(t, err, errBroken)
	require.ErrorContains(t, err, "no unlocking")
	_, err = pool.Exec(t.Context(), `DROP TRIGGER refuse ON contrail.runs`)
	require.NoError(t, err)
	for _, key := range []string{"stuck", "failing"} {
		eventually(t, func() bool {
			_, err := runner.Run(t.Context(), key, nil, tx("a", fine))
			require.True(t, err == nil || errors.Is(err, steps.ErrLocked), "%v", err)
			return err == nil
		})
	}
}

// The error of whoever has lost the lock without noticing is not the run's: another one performs it.
func TestErrorOfAFormerHolder(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := steps.Run(t.Context(), pool, "former", nil, tx("a", func(*steps.State) error {
		change(t, pool, `UPDATE contrail.runs SET token = token + 1, locked_by = 'elsewhere:1'`)
		return errBroken
	}))
	require.ErrorIs(t, err, errBroken)
	_, recorded := errors.AsType[*steps.StepError](err)
	require.False(t, recorded)
	require.True(t, field[bool](t, pool, "failures = 0 AND locked_by = 'elsewhere:1' AND locked_until IS NOT NULL", "former"))
	require.Empty(t, story(t, pool, "former"))
}

// A lease may be longer than the server counts.
func TestLeaseOfMonths(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := newRunner(t, pool, steps.Options{Lease: 100 * 24 * time.Hour}).Run(t.Context(), "long", nil, tx("a", fine))
	require.NoError(t, err)
}
