package telemetry_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/picture"
	"github.com/contrail-events/contrail/internal/telemetry"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// source is a situation that the test makes up.
type source func(ctx context.Context) picture.Picture

func (s source) Read(ctx context.Context) picture.Picture { return s(ctx) }

func gauged(t *testing.T, from source, cfg telemetry.GaugesConfig) *telemetry.Telemetry {
	t.Helper()
	told := started(t)
	gauges, err := telemetry.NewGauges(t.Context(), told.Meter(), from, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, gauges.Close()) })
	return told
}

// A label takes as many values as users have names: the first 200 keep their own series, the rest have one together.
func TestNamesBeyondABoundAreToldTogether(t *testing.T) {
	t.Parallel()
	var situation picture.Picture
	for i := range 250 {
		one := subscriptions.Subscription{Stream: "EVENTS", Durable: fmt.Sprintf("d%03d", i), Lag: 2}
		one.AckFloor.Sequence = uint64(1000 - i)
		situation.Subscriptions = append(situation.Subscriptions, one)
	}
	told := gauged(t, func(context.Context) picture.Picture { return situation }, telemetry.GaugesConfig{Every: 1})
	for range 2 {
		found := scrape(t, told)
		require.InDelta(t, 2, found["contrail_consumer_lag_events{durable=d199,stream=EVENTS}"], 0)
		require.NotContains(t, found, "contrail_consumer_lag_events{durable=d200,stream=EVENTS}")
		require.InDelta(t, 100, found["contrail_consumer_lag_events{durable=other,stream=EVENTS}"], 0)
		require.InDelta(t, 751, found["contrail_consumer_ack_floor_sequence{durable=other,stream=EVENTS}"], 0, "the furthest behind")
	}
}

func TestNothingKnownIsNothingTold(t *testing.T) {
	t.Parallel()
	told := gauged(t, func(context.Context) picture.Picture { return picture.Picture{} }, telemetry.GaugesConfig{})
	for name := range scrape(t, told) {
		require.NotRegexp(t, `^contrail_(?:lag|position|horizon|published|parked|relays|stream|consumer|dead|inbox|projection|deliveries|runs|webhooks|appended)`, name)
	}
}

// However often somebody scrapes, the servers are asked once in a while.
func TestSituationIsReadOnceInAWhile(t *testing.T) {
	t.Parallel()
	var read atomic.Int64
	told := gauged(t, func(context.Context) picture.Picture { read.Add(1); return picture.Picture{} }, telemetry.GaugesConfig{Every: time.Hour})
	for range 5 {
		scrape(t, told)
	}
	require.Equal(t, int64(1), read.Load())
}

// Prometheus gives up after 10 s, and then it would have nothing of the process at all.
func TestScrapeDoesNotWaitForServersThatHang(t *testing.T) {
	t.Parallel()
	told := gauged(t, func(ctx context.Context) picture.Picture { <-ctx.Done(); return picture.Picture{} }, telemetry.GaugesConfig{Every: 1})
	began := time.Now()
	found := scrape(t, told)
	require.Less(t, time.Since(began), 9*time.Second)
	require.Contains(t, found, "go_goroutines")
	require.NotContains(t, found, "contrail_up{server=postgres}")
}

// Positions have gaps, a restore sets them back, and a scrape may see a transaction that is open: each event is counted once.
func TestAppendedIsExact(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	appended(t, pool, 5)
	told := gauged(t, func(context.Context) picture.Picture { return picture.Picture{} }, telemetry.GaugesConfig{Database: pool, Every: 1})
	count := func() float64 {
		found := scrape(t, told)
		require.Contains(t, found, "contrail_appended_events_total")
		return found["contrail_appended_events_total"]
	}
	require.Zero(t, count(), "what was there before")
	appended(t, pool, 3)
	require.InDelta(t, 3, count(), 0)
	require.InDelta(t, 3, count(), 0)

	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data) VALUES ('test-open', 1, 'Counted', '{}')`)
	require.NoError(t, err)
	appended(t, pool, 2)
	require.InDelta(t, 3, count(), 0, "they are not settled")
	require.NoError(t, tx.Rollback(t.Context()))
	appended(t, pool, 1)
	require.InDelta(t, 6, count(), 0, "a gap is no event")
}
