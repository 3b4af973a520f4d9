package steps_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/steps"
)

func TestNewKey(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	result, err := steps.Run(t.Context(), pool, "new", map[string]int{"n": 1}, threeSteps()...)
	requireResult(t, `"done"`, result, err)
	require.Equal(t, []string{"a", "b", "c"}, effects(t, pool, "new"))
	require.Equal(t, []string{"a succeeded", "b succeeded", "c succeeded"}, story(t, pool, "new"))
	require.Equal(t, steps.Finished, statusOf(t, pool, "new"))
	require.True(t, field[bool](t, pool, "locked_until IS NULL AND locked_by = '' AND ended_at IS NOT NULL AND due_at IS NULL", "new"))
}

func TestFinishedKeyReturnsItsResult(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	run := func() (json.RawMessage, error) {
		return steps.Run(t.Context(), pool, "twice", nil, tx("only", func(run *steps.State) error {
			return run.Return(map[string]any{"b": 1e2, "a": nil})
		}))
	}
	first, err := run()
	requireResult(t, `{"a": null, "b": 100}`, first, err)
	again, err := run()
	require.NoError(t, err)
	require.Equal(t, string(first), string(again), "byte for byte")
	require.Equal(t, []string{"only"}, effects(t, pool, "twice"))
}

func TestResultOfARun(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	text, err := steps.Result[string](steps.Run(t.Context(), pool, "text", nil, threeSteps()...))
	require.NoError(t, err)
	require.Equal(t, "done", text)
	_, err = steps.Result[int](steps.Run(t.Context(), pool, "text", nil, threeSteps()...))
	require.ErrorContains(t, err, "read the run's result")
	nothing, err := steps.Result[*int](steps.Run(t.Context(), pool, "nothing", nil, tx("a", fine)))
	require.NoError(t, err)
	require.Nil(t, nothing)
	_, err = steps.Result[int](steps.Run(t.Context(), pool, "", nil))
	require.Error(t, err)
}

// A run whose process let it go, after an error or by its ctx, goes on where it stood.
func TestUnlockedKeyGoesOn(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := steps.Run(ctx, pool, "left", nil, tx("a", fine), tx("b", func(*steps.State) error {
		cancel()
		return nil
	}), tx("c", fine))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []string{"a", "b"}, effects(t, pool, "left"), "a step that is done is committed")
	require.True(t, field[bool](t, pool, "locked_until IS NULL AND step = 2 AND failures = 0 AND NOT retrying", "left"))
	_, err = steps.Run(t.Context(), pool, "left", nil, threeSteps()...)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c"}, effects(t, pool, "left"))
}

// A step that ends since its ctx has ended has not failed.
func TestInterruptedStep(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := steps.Run(ctx, pool, "stopped", nil, steps.Tx("a", func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
		require.NoError(t, effect(ctx, tx, run))
		cancel()
		_, err := tx.Exec(ctx, "SELECT pg_sleep(60)")
		return err
	}))
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, field[bool](t, pool, "locked_until IS NULL AND failures = 0 AND retrying", "stopped"))
	_, err = steps.Run(t.Context(), pool, "stopped", nil, tx("a", func(run *steps.State) error {
		require.True(t, run.Retrying())
		require.Equal(t, 1, run.Attempt())
		return nil
	}))
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, effects(t, pool, "stopped"))
}

func TestCtxThatHasEnded(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := steps.Run(ctx, pool, "ended", nil, threeSteps()...)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, effects(t, pool, "ended"))
}

func TestStaleLockIsTakenOver(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := steps.Run(t.Context(), pool, "stale", nil, tx("a", broken))
	require.ErrorIs(t, err, errBroken)
	lock := func(until string) {
		change(t, pool, `UPDATE contrail.runs SET locked_by = 'elsewhere:1', token = token + 1, locked_until = now() + $1::interval`, until)
	}
	lock("1 min")
	_, err = steps.Run(t.Context(), pool, "stale", nil, tx("a", fine))
	require.ErrorIs(t, err, steps.ErrLocked)

	lock("-1 s")
	change(t, pool, `INSERT INTO contrail.run_leases SELECT id, token, now() + '1 min' FROM contrail.runs`)
	_, err = steps.Run(t.Context(), pool, "stale", nil, tx("a", fine))
	var locked *steps.LockedError
	require.ErrorAs(t, err, &locked, "it was renewed")
	require.Equal(t, "elsewhere:1", locked.By)
	require.Greater(t, time.Until(locked.Until), 10*time.Second)

	change(t, pool, `UPDATE contrail.run_leases SET token = token - 1`)
	_, err = steps.Run(t.Context(), pool, "stale", nil, tx("a", func(run *steps.State) error {
		require.True(t, run.Retrying())
		require.Equal(t, 3, run.Attempt(), "one has failed, and one has died")
		return nil
	}))
	require.NoError(t, err, "a renewal of an earlier lock means nothing")
	require.Equal(t, []string{"a errored", "a taken over", "a succeeded"}, story(t, pool, "stale"))
}

// A step of which one process after the other dies fails the run in the end.
func TestStepThatKillsItsProcesses(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	runner := newRunner(t, pool, steps.Options{MaxFailures: 3})
	_, err := runner.Run(t.Context(), "poison", nil, tx("a", broken))
	require.ErrorIs(t, err, errBroken)
	dies := func() {
		change(t, pool, `UPDATE contrail.runs SET locked_by = 'dead:1', locked_until = now() - interval '1 s', token = token + 1`)
	}
	dies()
	_, err = runner.Run(t.Context(), "poison", nil, tx("a", func(*steps.State) error {
		dies()
		return nil
	}))
	require.ErrorIs(t, err, steps.ErrLockLost)
	_, err = runner.Run(t.Context(), "poison", nil, tx("a", fine))
	require.ErrorIs(t, err, steps.ErrFailed)
	require.ErrorContains(t, err, "the process dead:1 did not end this step")
	require.Empty(t, effects(t, pool, "poison"))
}

func TestLockedKeyIsRefused(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	inside, proceed := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		_, err := steps.Run(t.Context(), pool, "held", nil, tx("a", func(*steps.State) error {
			close(inside)
			<-proceed
			return nil
		}))
		ended <- err
	}()
	receive(t, inside)
	_, err := steps.Run(t.Context(), pool, "held", nil, tx("a", fine))
	require.ErrorIs(t, err, steps.ErrLocked)
	delay, asked := contrail.RetryDelay(err)
	require.True(t, asked)
	require.InDelta(t, 60, delay.Seconds(), 30)
	require.False(t, contrail.IsPermanent(err))
	close(proceed)
	require.NoError(t, receive(t, ended))
	require.Equal(t, []string{"a"}, effects(t, pool, "held"))
}

func TestArgsMismatch(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := steps.Run(t.Context(), pool, "args", json.RawMessage(`{"total": 1.50, "to": "ada"}`), tx("a", broken))
	require.ErrorIs(t, err, errBroken)
	_, err = steps.Run(t.Context(), pool, "args", json.RawMessage(`{"total": 1.51, "to": "ada"}`), tx("a", fine))
	require.ErrorIs(t, err, steps.ErrArgsMismatch)
	require.True(t, contrail.IsPermanent(err))
	_, err = steps.Run(t.Context(), pool, "args", json.RawMessage(`{"to":"ada","total":15e-1}`), tx("a", func(run *steps.State) error {
		args, err := steps.Args[struct{ To string }](run)
		require.Equal(t, "ada", args.To)
		return err
	}))
	require.NoError(t, err, "the same JSON, written in another way")
	_, err = steps.Run(t.Context(), pool, "args", nil, tx("a", fine))
	require.ErrorIs(t, err, steps.ErrArgsMismatch, "also of a run that has ended")
}

func TestDefinitionMismatch(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	begun := []steps.Step{tx("a", fine), tx("b", fine), tx("c", broken)}
	_, err := steps.Run(t.Context(), pool, "definition", nil, begun...)
	require.ErrorIs(t, err, errBroken)
	for name, test := range map[string]struct {
		now  []steps.Step
		want string
	}{
		"renamed":     {[]steps.Step{tx("a", fine), tx("B", fine), tx("c", fine)}, `step 2 was "b", and is "B"`},
		"reordered":   {[]steps.Step{tx("b", fine), tx("a", fine), tx("c", fine)}, `step 1 was "a", and is "b"`},
		"one more":    {[]steps.Step{tx("a", fine), tx("b", fine), tx("c", fine), tx("d", fine)}, `step 4 was missing, and is "d"`},
		"one less":    {[]steps.Step{tx("a", fine), tx("b", fine)}, `step 3 was "c", and is missing`},
		"another one": {[]steps.Step{tx("z", fine)}, `step 1 was "a", and is "z" (a, b, c; now z)`},
	} {
		_, err := steps.Run(t.Context(), pool, "definition", nil, test.now...)
		require.ErrorIs(t, err, steps.ErrDefinitionMismatch, name)
		require.ErrorContains(t, err, test.want, name)
	}
	_, err = steps.Run(t.Context(), pool, "definition", nil, threeSteps()...)
	require.NoError(t, err)
	_, err = steps.Run(t.Context(), pool, "definition", nil, tx("z", fine))
	require.ErrorIs(t, err, steps.ErrDefinitionMismatch, "also of a run that has ended")
}

func TestPermanentFailureIsStored(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	run := func() error {
		_, err := steps.Run(t.Context(), pool, "declined", nil, tx("a", fine), tx("b", func(*steps.State) error { return contrail.Permanent(errBroken) }))
		return err
	}
	first := run()
	require.ErrorIs(t, first, steps.ErrFailed)
	require.True(t, contrail.IsPermanent(first), "no delivery will cure it")
	require.Equal(t, `run declined: the run has failed: step "b": out of paper`, first.Error())
	require.Equal(t, first, run(), "and again")
	require.Equal(t, []string{"a"}, effects(t, pool, "declined"))
	require.Equal(t, []string{"a succeeded", "b failed"}, story(t, pool, "declined"))
}

func TestResumeFromEachRecoveryPoint(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	const count = 5
	for at := range count {
		key := fmt.Sprintf("resume/%d", at)
		list := make([]steps.Step, count)
		failed := false
		for i := range list {
			list[i] = tx(strconv.Itoa(i), func(run *steps.State) error {
				if i == at && !failed {
					failed = true
					return errBroken
				}
				require.Equal(t, i == at, run.Retrying())
				return nil
			})
		}
		_, err := steps.Run(t.Context(), pool, key, nil, list...)
		var failure *steps.StepError
		require.ErrorAs(t, err, &failure)
		require.Equal(t, [2]any{strconv.Itoa(at), 1}, [2]any{failure.Step, failure.Failure})
		delay, asked := contrail.RetryDelay(err)
		require.True(t, asked)
		require.Equal(t, failure.Delay, delay)
		require.Len(t, effects(t, pool, key), at, "the failed step's effect is undone")
		require.Equal(t, at, field[int](t, pool, "step", key))
		_, err = steps.Run(t.Context(), pool, key, nil, list...)
		require.NoError(t, err)
		require.Equal(t, []string{"0", "1", "2", "3", "4"}, effects(t, pool, key))
		require.Equal(t, []string{"0", "1", "2", "3", "4"}, logged(t, pool, key, "succeeded"))
	}
}

func TestUnknownRecoveryPoint(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := steps.Run(t.Context(), pool, "unknown", nil, tx("a", broken))
	require.ErrorIs(t, err, errBroken)
	change(t, pool, `UPDATE contrail.runs SET step = 7`)
	_, err = steps.Run(t.Context(), pool, "unknown", nil, tx("a", fine))
	require.ErrorContains(t, err, "run unknown stands at step 7 of 1")
	require.True(t, field[bool](t, pool, "locked_until IS NULL", "unknown"))
}

func TestFaultsAreNamedTogether(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := steps.Run(t.Context(), pool, "", nil, tx("a", fine), tx("b", fine), tx("a", fine), tx("", fine), steps.Step{}, steps.Tx("d", nil),
		tx("e", fine).Undo(nil), tx(strings.Repeat("x", 200), fine))
	for _, want := range []string{
		`the key "" is empty`, `steps 1 and 3 have the same name "a"`, `the name "" of step 4 is empty`, `the name "" of step 5 is empty`,
		`step 6, "d": Tx without a function`, `step 7, "e": Undo without a function`, "has 200 bytes, and may have 128",
	} {
		require.ErrorContains(t, err, want)
	}
	_, err = steps.Run(t.Context(), pool, strings.Repeat("k", 513)+"\x00", nil)
	require.ErrorContains(t, err, "has 514 bytes, and may have 512")
	require.ErrorContains(t, err, "there are no steps")
	_, err = steps.Run(t.Context(), pool, "key", "a\x00b", tx("a", fine))
	require.ErrorContains(t, err, `args of key: it has a string with \u0000`)
	_, err = steps.Run(t.Context(), pool, "key", make(chan int), tx("a", fine))
	require.ErrorContains(t, err, "args of key: json: unsupported type")
	_, err = steps.New(pool, steps.Options{Lease: time.Millisecond, MaxFailures: -1, Isolation: "chaos", Process: "a\nb", Backoff: steps.Backoff{Min: -1}})
	for _, want := range []string{"Lease is 1ms", "MaxFailures is -1", `Isolation is "chaos"`, "Process has a control character", "Backoff: Min"} {
		require.ErrorContains(t, err, want)
	}
	require.Empty(t, column[string](t, pool, "SELECT key FROM contrail.runs"), "nothing was written")
}
