package picture_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/picture"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// at is a picture so many seconds past noon.
func at(seconds int, position contrail.Position, sequence, answered uint64) picture.Picture {
	return picture.Picture{
		At: noon.Add(time.Duration(seconds) * time.Second), Store: &publisher.Status{Position: position, Sequence: sequence},
		Subscriptions: []subscriptions.Subscription{{Durable: "mail", Answered: answered}},
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	rates := picture.RatesBetween(at(0, 100, 90, 80), at(10, 200, 140, 100))
	require.InDelta(t, 10, *rates.Appended, 0)
	require.InDelta(t, 5, *rates.Published, 0)
	require.Equal(t, map[string]float64{"mail": 2}, rates.Handled)

	rates = picture.RatesBetween(at(0, 100, 90, 80), at(10, 50, 40, 30))
	require.Zero(t, *rates.Appended, "the database was restored: it did not append less than nothing")
	require.Zero(t, *rates.Published)
	require.Zero(t, rates.Handled["mail"])

	require.Equal(t, picture.Rates{}, picture.RatesBetween(picture.Picture{}, at(0, 1, 1, 1)), "nobody knows before the second picture")
	require.Equal(t, picture.Rates{}, picture.RatesBetween(at(0, 1, 1, 1), picture.Picture{At: noon.Add(time.Second)}), "the servers are away")
	require.Equal(t, picture.Rates{}, picture.RatesBetween(at(1, 1, 1, 1), at(0, 2, 2, 2)), "the clock was set back")
}

// While somebody looks there is a picture a second; before that, every ten.
func TestSamplerIsAttended(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.relay("here:1")
	sampler := picture.NewSampler(w.reader(3 * time.Second))
	before, rates := sampler.Latest()
	require.Zero(t, before.At)
	require.Equal(t, picture.Rates{}, rates)
	require.Empty(t, sampler.Series().At)

	w.run(sampler.Run)
	require.Eventually(t, func() bool { return len(sampler.Series().At) == 1 }, patience, 10*time.Millisecond)
	release := sampler.Look()
	other := sampler.Look()
	w.appended(5)
	require.Eventually(t, func() bool { return len(sampler.Series().At) >= 4 }, patience, 10*time.Millisecond)
	latest, _ := sampler.Latest()
	series := sampler.Series()
	require.EqualValues(t, 5, latest.Store.Position)
	require.Nil(t, series.Appended[0])
	sum := 0.0
	for n := 1; n < len(series.At); n++ {
		sum += *series.Appended[n] * (series.At[n] - series.At[n-1])
		require.Greater(t, series.At[n], series.At[n-1])
	}
	require.InDelta(t, 5, sum, 0.5, "the rates tell all that was appended")
	require.Len(t, series.LagEvents, len(series.At))
	require.Less(t, series.At[3]-series.At[0], 20.0, "three pictures that nobody looks at take thirty seconds")
	release()
	release() // once more does nothing: somebody else looks
	seen := len(sampler.Series().At)
	require.Eventually(t, func() bool { return len(sampler.Series().At) > seen+1 }, patience, 10*time.Millisecond)
	other()
}

// A sampler goes on through restarts of either server, and tells no rate for the time in which it knows nothing.
func TestSamplerSurvivesRestarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.relay("here:1")
	w.subscription("mail", handled)
	w.appended(2)
	sampler := picture.NewSampler(w.reader(3 * time.Second))
	w.run(sampler.Run)
	defer sampler.Look()()
	until := func(so func(p picture.Picture, r picture.Rates) bool) {
		require.Eventually(t, func() bool { return so(sampler.Latest()) }, patience, 10*time.Millisecond)
	}
	until(func(p picture.Picture, r picture.Rates) bool {
		_, known := r.Handled["mail"]
		return known && p.Subscriptions[0].Answered == 2
	})
	require.NoError(t, w.server.Stop())
	until(func(p picture.Picture, r picture.Rates) bool {
		return !p.NATS.Up && p.Postgres.Up && r.Handled == nil && r.Appended != nil
	})
	require.NoError(t, w.server.Restart())
	until(func(p picture.Picture, r picture.Rates) bool { return p.NATS.Up && r.Handled != nil })

	own, err := w.pool.Acquire(t.Context()) // of the others the pool does not know yet that they have ended
	require.NoError(t, err)
	defer own.Release()
	for _, statement := range []string{
		`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`, insertEvent, insertEvent, insertEvent,
	} {
		_, err = own.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	until(func(p picture.Picture, r picture.Rates) bool {
		return p.Postgres.Up && p.Store != nil && p.Store.Position == 5 && r.Appended != nil
	})
	for _, rate := range sampler.Series().Appended {
		require.True(t, rate == nil || *rate >= 0)
	}
}

// A sampler that is told to end does so at once, and writes down nothing that was cut off.
func TestSamplerEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	sampler := picture.NewSampler(w.reader(3 * time.Second))
	require.NoError(t, sampler.Run(ctx))
	require.Empty(t, sampler.Series().At)
}
