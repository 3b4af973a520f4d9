package load_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/load"
)

// What a schedule hands out in time is what was due, at even distances, whatever the sizes.
func TestScheduleHandsOutWhatIsDue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cfg := load.Config{
			Rate: rapid.Float64Range(0.5, 5000).Draw(t, "rate"), Batch: rapid.IntRange(1, 7).Draw(t, "batch"),
			Count:    rapid.Int64Range(0, 2000).Draw(t, "count"),
			Duration: time.Duration(rapid.IntRange(1, 2000).Draw(t, "milliseconds")) * time.Millisecond,
		}
		plan := load.NewPlan(cfg)
		sum := int64(0)
		for {
			due, events, more := plan.Take(0)
			if !more {
				break
			}
			require.InDelta(t, float64(sum)/cfg.Rate, due.Seconds(), 1e-6)
			require.Less(t, due, cfg.Duration)
			require.LessOrEqual(t, events, cfg.Batch)
			sum += int64(events)
		}
		require.Equal(t, sum, plan.DueBy(time.Hour))
	})
}

// A schedule goes on as if nothing had happened to those before, and ends in time.
func TestScheduleIsOpen(t *testing.T) {
	t.Parallel()
	plan := load.NewPlan(load.Config{Rate: 100, Duration: time.Second})
	due, _, more := plan.Take(0)
	require.Zero(t, due)
	require.True(t, more)
	due, _, more = plan.Take(900 * time.Millisecond) // whoever asks comes late
	require.Equal(t, 10*time.Millisecond, due)
	require.True(t, more)
	_, _, more = plan.Take(time.Second)
	require.False(t, more)
	require.EqualValues(t, 90, plan.DueBy(900*time.Millisecond))
	require.EqualValues(t, 100, plan.DueBy(time.Minute))
}

func TestScheduleWithoutARate(t *testing.T) {
	t.Parallel()
	plan := load.NewPlan(load.Config{Count: 5, Batch: 3})
	due, events, more := plan.Take(time.Minute)
	require.Equal(t, time.Minute, due)
	require.Equal(t, 3, events)
	require.True(t, more)
	_, events, more = plan.Take(time.Hour)
	require.Equal(t, 2, events)
	require.True(t, more)
	_, _, more = plan.Take(time.Hour)
	require.False(t, more)
	require.Zero(t, plan.DueBy(time.Hour))
}

// An id says which run's event it is, and which one; and it is a UUIDv7 still.
func TestIdentity(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ours, others := load.NewIdentity(), load.NewIdentity()
		number := rapid.Int64Range(0, 1<<40-1).Draw(t, "number")
		at := time.UnixMilli(rapid.Int64Range(0, 1<<47).Draw(t, "at"))
		id := ours.Event(number, at)
		require.EqualValues(t, 7, id.Version())
		require.Equal(t, uuid.RFC4122, id.Variant())
		found, is := ours.Number(id)
		require.True(t, is)
		require.Equal(t, number, found)
		_, is = others.Number(id)
		require.False(t, is)
		_, is = ours.Number(uuid.New())
		require.False(t, is)
		stream := ours.Stream(17)
		require.NoError(t, stream.Validate())
		nth, is := ours.Nth(stream)
		require.True(t, is)
		require.Equal(t, 17, nth)
		_, is = others.Nth(stream)
		require.False(t, is)
		_, is = ours.Nth(contrail.NewStreamID("invoice", stream.ID()))
		require.False(t, is)
	})
}

func TestPayloadHasItsSize(t *testing.T) {
	t.Parallel()
	for _, size := range []int{load.LeastSize, 17, 100, 512, 100_000} {
		data := load.Payload(size)
		require.Len(t, data, size)
		require.True(t, json.Valid(data))
	}
	one, other := load.Payload(100), load.Payload(100)
	require.NotEqual(t, one, other)
}
