package steps_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// The timer is in the database: no process has to be there meanwhile, and whichever comes then goes on.
func TestSleepForFourteenDays(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	run := func() error {
		_, err := steps.Run(t.Context(), pool, "sleeps", nil, tx("before", fine), steps.Sleep("wait", 14*24*time.Hour), tx("after", fine))
		return err
	}
	for range 3 {
		require.ErrorIs(t, run(), steps.ErrWaiting)
		require.Equal(t, []string{"before"}, effects(t, pool, "sleeps"))
	}
	require.Equal(t, []string{"14 days"}, column[string](t, pool, "SELECT to_char(date_trunc('day', due_at - began_at + interval '1 h'), 'DD \"days\"') FROM contrail.runs"))
	change(t, pool, `UPDATE contrail.runs SET due_at = due_at - interval '13 days 23 h'`)
	require.ErrorIs(t, run(), steps.ErrWaiting, "an hour is left")
	change(t, pool, `UPDATE contrail.runs SET due_at = due_at - interval '1 h'`)
	require.NoError(t, run())
	require.Equal(t, []string{"before", "after"}, effects(t, pool, "sleeps"))
	require.Equal(t, []string{"before succeeded", "wait waiting", "wait succeeded", "after succeeded"}, story(t, pool, "sleeps"))
}

func TestSleepUntil(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	due := time.Now().Add(time.Hour).Truncate(time.Second)
	asked := 0
	run := func(key string, due time.Time) error {
		_, err := steps.Run(t.Context(), pool, key, nil,
			tx("set", func(run *steps.State) error { return run.Set("due", due) }),
			steps.SleepUntil("due", func(run *steps.State) (time.Time, error) {
				asked++
				due, _, err := steps.Get[time.Time](run, "due")
				return due, err
			}), tx("after", fine))
		return err
	}
	require.ErrorIs(t, run("until", due), steps.ErrWaiting)
	require.True(t, due.Equal(field[time.Time](t, pool, "due_at", "until")))
	makeDue(t, pool, "until")
	require.NoError(t, run("until", due))
	require.Equal(t, 1, asked)
	require.ErrorIs(t, run("past", due.Add(-48*time.Hour)), steps.ErrWaiting, "it is due at once")
	require.NoError(t, run("past", due))
	_, err := steps.Run(t.Context(), pool, "broken", nil, steps.SleepUntil("due", func(*steps.State) (time.Time, error) { return time.Time{}, errBroken }))
	require.ErrorIs(t, err, errBroken)
}

func TestSleepOfNoTime(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	_, err := steps.Run(t.Context(), pool, "none", nil, steps.Sleep("none", 0), steps.SleepUntil("zero", func(*steps.State) (time.Time, error) {
		return time.Time{}, nil
	}), tx("after", fine))
	require.NoError(t, err)
}
