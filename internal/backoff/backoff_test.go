package backoff_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail/internal/backoff"
)

func TestDelay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		least := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "min"))
		most := least + time.Duration(rapid.Int64Range(0, int64(365*24*time.Hour)).Draw(t, "more"))
		failure := rapid.IntRange(1, 1000).Draw(t, "failure")
		whole := least
		for i := 1; i < failure && whole < most; i++ {
			whole *= 2
		}
		whole = min(whole, most)
		delay := backoff.Backoff{Min: least, Max: most}.Delay(failure)
		require.LessOrEqual(t, delay, whole)
		require.GreaterOrEqual(t, delay, whole-whole/2-1)
	})
	schedule := backoff.Backoff{Schedule: []time.Duration{time.Second, time.Minute}}
	for failure, want := range []time.Duration{time.Second, time.Second, time.Minute, time.Minute} {
		require.Equal(t, want, schedule.Delay(failure), failure)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	const most = time.Hour
	require.NoError(t, backoff.Backoff{Min: time.Second, Max: most, Schedule: []time.Duration{0, most}}.Validate(most))
	for _, faulty := range []backoff.Backoff{
		{Min: -1}, {Min: 2, Max: 1}, {Min: 1, Max: most + 1}, {Schedule: []time.Duration{-1}}, {Schedule: []time.Duration{0, most + 1}},
	} {
		require.ErrorContains(t, faulty.Validate(most), "Backoff: ")
	}
}
