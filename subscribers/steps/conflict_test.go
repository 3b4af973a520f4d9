package steps_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/steps"
)

func newCounters(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	pool := newEffects(tb)
	_, err := pool.Exec(tb.Context(), `CREATE TABLE counters (name text PRIMARY KEY, n int NOT NULL)`)
	require.NoError(tb, err)
	_, err = pool.Exec(tb.Context(), `INSERT INTO counters VALUES ('a', 0), ('b', 0)`)
	require.NoError(tb, err)
	return pool
}

// A transaction that a concurrent one makes unserializable is tried again at once, and is no failure.
func TestSerializationFailureIsTriedAgain(t *testing.T) {
	t.Parallel()
	pool := newCounters(t)
	runner := newRunner(t, pool, steps.Options{Isolation: pgx.Serializable})
	calls := 0
	_, err := runner.Run(t.Context(), "serial", nil, steps.Tx("a", func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
		var n int
		if err := tx.QueryRow(ctx, `SELECT n FROM counters WHERE name = 'a'`).Scan(&n); err != nil {
			return err
		}
		if calls++; calls <= 2 {
			_, err := pool.Exec(ctx, `UPDATE counters SET n = n + 10 WHERE name = 'a'`) // another connection
			require.NoError(t, err)
		}
		_, err := tx.Exec(ctx, `UPDATE counters SET n = $1 WHERE name = 'a'`, n+1)
		return err
	}))
	require.NoError(t, err)
	require.Equal(t, 3, calls)
	require.Equal(t, []int{21}, column[int](t, pool, `SELECT n FROM counters WHERE name = 'a'`))
	require.Equal(t, []string{"a succeeded"}, story(t, pool, "serial"))
}

// Two runs lock two rows in opposite order, and the database sacrifices one of them: both finish.
func TestDeadlockIsTriedAgain(t *testing.T) {
	t.Parallel()
	pool := newCounters(t)
	var meet sync.WaitGroup
	meet.Add(2)
	run := func(first, second string) error {
		met := false
		_, err := steps.Run(t.Context(), pool, first+second, nil, steps.Tx("a", func(ctx context.Context, tx pgx.Tx, _ *steps.State) error {
			if _, err := tx.Exec(ctx, `UPDATE counters SET n = n + 1 WHERE name = $1`, first); err != nil {
				return err
			}
			if !met {
				met = true
				meet.Done()
				meet.Wait()
			}
			_, err := tx.Exec(ctx, `UPDATE counters SET n = n + 1 WHERE name = $1`, second)
			return err
		}))
		return err
	}
	other := make(chan error, 1)
	go func() { other <- run("a", "b") }()
	require.NoError(t, run("b", "a"))
	require.NoError(t, receive(t, other))
	require.Equal(t, []int{2, 2}, column[int](t, pool, `SELECT n FROM counters`))
	require.Positive(t, column[int](t, pool, `SELECT deadlocks::int FROM pg_stat_get_db_deadlocks((SELECT oid FROM pg_database WHERE datname = current_database())) AS deadlocks`)[0])
	require.Equal(t, []int{0}, column[int](t, pool, `SELECT count(*)::int FROM contrail.run_log WHERE what = 'errored'`))
}

// When a transaction is refused again and again, that is one failure, and the lock is released.
func TestSerializationFailuresAreUsedUp(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"40001", "40P01"} {
		pool := newEffects(t)
		calls := 0
		run := func() error {
			_, err := steps.Run(t.Context(), pool, state, nil, tx("a", fine), steps.Tx("b", func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
				if calls++; calls > 6 {
					return effect(ctx, tx, run)
				}
				_, err := tx.Exec(ctx, fmt.Sprintf(`DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '%s'; END $$`, state))
				return err
			}))
			return err
		}
		err := run()
		var refusal *pgconn.PgError
		require.True(t, errors.As(err, &refusal) && refusal.Code == state, "%v", err)
		require.Equal(t, 6, calls)
		require.True(t, field[bool](t, pool, "locked_until IS NULL AND failures = 1 AND step = 1", state))
		require.NoError(t, run())
		require.Equal(t, []string{"a", "b"}, effects(t, pool, state))
	}
}

// Where everything is serializable by default, also the beginning of a run is, for which several compete.
func TestBeginWhereAllIsSerializable(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	config := pool.Config()
	config.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"
	config.MaxConns = 20
	serial, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	defer serial.Close()
	runner := newRunner(t, serial, steps.Options{})
	finish := func() error {
		for {
			_, err := runner.Run(t.Context(), "serial", nil, threeSteps()...)
			_, failed := errors.AsType[*steps.StepError](err)
			if !failed && !errors.Is(err, steps.ErrLocked) {
				return err
			}
		}
	}
	var group sync.WaitGroup
	outcomes := make(chan error, 8)
	for range 8 {
		group.Go(func() { outcomes <- finish() })
	}
	group.Wait()
	for range 8 {
		if err := <-outcomes; err != nil {
			require.ErrorContains(t, err, "40001", "too many at once, and that is told")
		}
	}
	_, err = steps.Run(t.Context(), pool, "serial", nil, threeSteps()...)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c"}, effects(t, pool, "serial"))
}
