package steps_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// untilEnded begins the run again as long as its steps fail.
func untilEnded(tb testing.TB, run func() (json.RawMessage, error)) error {
	tb.Helper()
	for range 50 {
		_, err := run()
		if _, failed := errors.AsType[*steps.StepError](err); !failed {
			return err
		}
	}
	require.FailNow(tb, "the run does not end")
	return nil
}

func TestRetryAtEachStep(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	failed := map[string]bool{}
	once := func(run *steps.State) error {
		if !failed[run.Step()] {
			failed[run.Step()] = true
			return errBroken
		}
		require.Equal(t, 2, run.Attempt())
		return nil
	}
	err := untilEnded(t, func() (json.RawMessage, error) {
		return steps.Run(t.Context(), pool, "retry", nil, tx("a", once), tx("b", once), tx("c", once))
	})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c"}, effects(t, pool, "retry"))
	require.Equal(t, []string{"a errored", "a succeeded", "b errored", "b succeeded", "c errored", "c succeeded"}, story(t, pool, "retry"))
}

// A step that fails for good ends its run, and no step behind it is performed.
func TestDiscardAtStep(t *testing.T) {
	t.Parallel()
	for at, want := range map[int][]string{1: {}, 2: {"1"}, 3: {"1", "2"}} {
		t.Run(strconv.Itoa(at), func(t *testing.T) {
			t.Parallel()
			pool := newEffects(t)
			list := make([]steps.Step, 3)
			for i := range list {
				list[i] = tx(strconv.Itoa(i+1), func(*steps.State) error {
					if i+1 == at {
						return contrail.Permanent(errBroken)
					}
					return nil
				})
			}
			_, err := steps.Run(t.Context(), pool, "discard", nil, list...)
			require.ErrorIs(t, err, steps.ErrFailed)
			require.Equal(t, want, effects(t, pool, "discard"))
			require.Equal(t, []string{strconv.Itoa(at)}, logged(t, pool, "discard", "failed"))
		})
	}
}

func TestFailuresAreUsedUp(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	runner := newRunner(t, pool, steps.Options{MaxFailures: 3})
	attempts := make(chan int, 9)
	err := untilEnded(t, func() (json.RawMessage, error) {
		return runner.Run(t.Context(), "worn", nil, tx("a", fine), tx("b", func(run *steps.State) error {
			attempts <- run.Attempt()
			return errBroken
		}))
	})
	require.ErrorIs(t, err, steps.ErrFailed)
	require.Equal(t, [3]int{1, 2, 3}, [3]int{<-attempts, <-attempts, <-attempts})
	require.Empty(t, attempts)
	require.Equal(t, []string{"a succeeded", "b errored", "b errored", "b failed"}, story(t, pool, "worn"))
}

// What a step writes by its transaction is lost with its error, and what it writes beside it is kept.
func TestWritesOfAStepThatFails(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := steps.Run(t.Context(), pool, "written", nil, steps.Tx("a", func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
		require.NoError(t, effectNamed(ctx, tx, run, "lost"))
		_, err := pool.Exec(ctx, `INSERT INTO effects (run, effect) VALUES ($1, 'kept')`, run.RunKey())
		require.NoError(t, err)
		return errBroken
	}))
	require.ErrorIs(t, err, errBroken)
	require.Equal(t, []string{"kept"}, effects(t, pool, "written"))
}

// Whatever way a step ends in, its transaction is undone, its error recorded and its lock released.
func TestWaysToFail(t *testing.T) {
	t.Parallel()
	type do = func(ctx context.Context, tx pgx.Tx, run *steps.State) error
	for name, test := range map[string]struct {
		do   do
		want string
	}{
		"error":  {func(context.Context, pgx.Tx, *steps.State) error { return errBroken }, "out of paper"},
		"panic":  {func(context.Context, pgx.Tx, *steps.State) error { panic("boom") }, "panic: boom"},
		"goexit": {func(context.Context, pgx.Tx, *steps.State) error { runtime.Goexit(); return nil }, "runtime.Goexit"},
		"swallowed error": {func(ctx context.Context, tx pgx.Tx, _ *steps.State) error {
			_, _ = tx.Exec(ctx, "SELECT 1/0")
			return nil
		}, "a statement of the step has failed, and its error was not returned"},
		"commit":   {func(ctx context.Context, tx pgx.Tx, _ *steps.State) error { return tx.Commit(ctx) }, "neither commits nor rolls back"},
		"rollback": {func(ctx context.Context, tx pgx.Tx, _ *steps.State) error { return tx.Rollback(ctx) }, "neither commits nor rolls back"},
		"rollback by SQL": {func(ctx context.Context, tx pgx.Tx, _ *steps.State) error {
			_, err := tx.Exec(ctx, "ROLLBACK")
			return err
		}, "ended its transaction by itself"},
		"open rows": {func(ctx context.Context, tx pgx.Tx, _ *steps.State) error {
			_, err := tx.Query(ctx, "SELECT generate_series(1, 10)") //nolint:rowserrcheck,sqlclosecheck // that is what is tried
			return err
		}, "left rows open"},
		"deferred constraint": {func(ctx context.Context, tx pgx.Tx, _ *steps.State) error {
			_, err := tx.Exec(ctx, "INSERT INTO doomed VALUES (1), (1)")
			return err
		}, "doomed_once"},
		"lost connection": {func(ctx context.Context, tx pgx.Tx, _ *steps.State) error {
			_, err := tx.Exec(ctx, "SELECT pg_terminate_backend(pg_backend_pid())")
			return err
		}, "57P01"},
		"closed connection": {func(ctx context.Context, tx pgx.Tx, _ *steps.State) error { return tx.Conn().Close(ctx) }, "connection was lost"},
		"ctx of a statement": {func(ctx context.Context, tx pgx.Tx, _ *steps.State) error {
			ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			_, err := tx.Exec(ctx, "SELECT pg_sleep(10)")
			return err
		}, "context deadline exceeded"},
		"values that are no JSON": {func(_ context.Context, _ pgx.Tx, run *steps.State) error { return run.Set("x", make(chan int)) }, "unsupported type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := newEffects(t)
			_, err := pool.Exec(t.Context(), `CREATE TABLE doomed (n int CONSTRAINT doomed_once UNIQUE DEFERRABLE INITIALLY DEFERRED)`)
			require.NoError(t, err)
			failed := false
			run := func() (json.RawMessage, error) {
				return steps.Run(t.Context(), pool, "fails", nil, steps.Tx("a", func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
					require.NoError(t, effect(ctx, tx, run))
					if !failed {
						failed = true
						return test.do(ctx, tx, run)
					}
					return nil
				}), tx("b", fine))
			}
			_, err = run()
			require.ErrorContains(t, err, test.want)
			if name == "values that are no JSON" {
				require.ErrorIs(t, err, steps.ErrFailed)
				return
			}
			require.Contains(t, field[string](t, pool, "error", "fails"), test.want)
			require.True(t, field[bool](t, pool, "locked_until IS NULL AND failures = 1 AND retrying", "fails"))
			_, err = run()
			require.NoError(t, err)
			require.Equal(t, []string{"a", "b"}, effects(t, pool, "fails"))
		})
	}
}

func TestPanicIsLoggedWithItsStack(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := steps.Run(t.Context(), pool, "panics", nil, tx("a", func(*steps.State) error { panic(errBroken) }))
	require.ErrorIs(t, err, errBroken)
	var panicked *steps.PanicError
	require.ErrorAs(t, err, &panicked)
	require.Contains(t, column[string](t, pool, "SELECT detail FROM contrail.run_log")[0], "step_test.go")
}

func TestRepeat(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := steps.Run(t.Context(), pool, "repeats", nil, steps.Tx("a", func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
		require.NoError(t, effectNamed(ctx, tx, run, strconv.FormatInt(run.Round(), 10)))
		require.False(t, run.Retrying())
		if run.Round() < 3 {
			return fmt.Errorf("not yet: %w", steps.Repeat())
		}
		return nil
	}), tx("b", func(run *steps.State) error {
		require.Zero(t, run.Round())
		return nil
	}))
	require.NoError(t, err)
	require.Equal(t, []string{"0", "1", "2", "3", "b"}, effects(t, pool, "repeats"))
	require.Equal(t, []string{"a repeated", "a repeated", "a repeated", "a succeeded", "b succeeded"}, story(t, pool, "repeats"))
}

// A step that waits commits what it did, and is performed again when its time has come: not before.
func TestWait(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	run := func() error {
		_, err := steps.Run(t.Context(), pool, "waits", nil, tx("check", func(run *steps.State) error {
			switch run.Round() {
			case 0:
				return steps.Wait(time.Hour)
			case 1:
				return steps.WaitUntil(time.Now().Add(48 * time.Hour))
			}
			return nil
		}))
		return err
	}
	for round, hours := range []float64{1, 48} {
		for range 2 {
			err := run()
			var waiting *steps.WaitingError
			require.ErrorAs(t, err, &waiting)
			require.ErrorIs(t, err, steps.ErrWaiting)
			delay, asked := contrail.RetryDelay(err)
			require.True(t, asked)
			require.InDelta(t, hours, delay.Hours(), 0.1)
			require.InDelta(t, hours, time.Until(waiting.Until).Hours(), 0.1)
			require.Len(t, effects(t, pool, "waits"), round+1)
		}
		makeDue(t, pool, "waits")
	}
	require.NoError(t, run())
	require.Equal(t, []string{"check waiting", "check waiting", "check succeeded"}, story(t, pool, "waits"))
}

// A step that halts its run commits what it did, and is performed again when a person has said so.
func TestHalt(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	run := func() error {
		_, err := steps.Run(t.Context(), pool, "halts", nil, tx("a", func(run *steps.State) error {
			if run.Round() == 0 {
				return steps.Halt("the total is above 10,000")
			}
			return nil
		}))
		return err
	}
	for range 2 {
		err := run()
		require.ErrorIs(t, err, steps.ErrHalted)
		require.ErrorContains(t, err, `in step "a": the total is above 10,000`)
		require.True(t, contrail.IsPermanent(err))
	}
	require.Equal(t, []string{"a"}, effects(t, pool, "halts"))
	change(t, pool, `UPDATE contrail.runs SET state = 'ready', due_at = now(), reason = ''`)
	require.NoError(t, run())
	require.Equal(t, []string{"a", "a"}, effects(t, pool, "halts"))
}

// An outage is nobody's failure.
func TestOutage(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	config := pool.Config()
	config.MaxConns = 2
	cut, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	runner := newRunner(t, cut, steps.Options{Lease: time.Second})
	_, err = runner.Run(t.Context(), "outage", nil, tx("a", func(*steps.State) error {
		go cut.Close()
		eventually(t, func() bool { return cut.Ping(t.Context()) != nil })
		return errBroken
	}))
	require.ErrorContains(t, err, "could not be recorded")
	require.ErrorIs(t, err, errBroken)
	require.Equal(t, 0, field[int](t, pool, "failures", "outage"))
	eventually(t, func() bool {
		_, err := steps.Run(t.Context(), pool, "outage", nil, tx("a", fine))
		return err == nil
	})
	require.Equal(t, []string{"a"}, effects(t, pool, "outage"))
}
