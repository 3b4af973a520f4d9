package telemetry_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/picture"
	"github.com/contrail-events/contrail/internal/telemetry"
)

// Figures that come with successes only are silent when they matter most.
func TestMetricsAreToldWhileEveryBatchFails(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	told := started(t)
	gauges, err := telemetry.NewGauges(t.Context(), told.Meter(), picture.New(pool, js, picture.Config{}), telemetry.GaugesConfig{Database: pool, Every: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, gauges.Close()) })
	scrape(t, told)
	var well atomic.Bool
	cfg := impatient()
	cfg.Middlewares = []message.HandlerMiddleware{func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			if !well.Load() {
				return nil, errors.New("no")
			}
			return next(msg)
		}
	}}
	relaying(t, told, pool, js, cfg)
	appended(t, pool, 7)

	const retries = "contrail_publish_retries_total{stream=EVENTS}"
	var first, then scraped
	require.Eventually(t, func() bool {
		first = scrape(t, told)
		return first[retries] > 0 && first["contrail_lag_events{stream=EVENTS}"] == 7
	}, patience, pause)
	require.Eventually(t, func() bool { then = scrape(t, told); return then[retries] > first[retries]+2 }, patience, pause)
	require.Contains(t, then, "contrail_published_events_total{stream=EVENTS}")
	require.Zero(t, then["contrail_published_events_total{stream=EVENTS}"])
	require.InDelta(t, 7, then["contrail_appended_events_total"], 0)
	require.Positive(t, then["contrail_lag_seconds{stream=EVENTS}"])
	require.Positive(t, then["contrail_publish_duration_seconds{outcome=retry,stream=EVENTS}"])
	require.InDelta(t, 1, then["contrail_relay_leading{stream=EVENTS}"], 0)
	status, report := health(t, told, telemetry.PathLive)
	require.Equal(t, http.StatusOK, status, "it tries: %v", report)

	well.Store(true)
	require.Eventually(t, func() bool {
		then = scrape(t, told)
		return then["contrail_published_events_total{stream=EVENTS}"] == 7
	}, patience, pause)
	require.Eventually(t, func() bool { return scrape(t, told)["contrail_lag_seconds{stream=EVENTS}"] == 0 }, patience, pause)
}

// What can't be asked is not told: a zero would be a lie. What the process knows itself, it tells.
func TestMetricsWhileServersAreAway(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, broker := natstest.JetStream(t)
	told := started(t)
	gauges, err := telemetry.NewGauges(t.Context(), told.Meter(), picture.New(pool, js, picture.Config{}), telemetry.GaugesConfig{Database: pool, Every: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, gauges.Close()) })
	require.NoError(t, broker.Stop())
	relaying(t, told, pool, js, impatient())
	appended(t, pool, 3)
	var found scraped
	require.Eventually(t, func() bool {
		found = scrape(t, told)
		up, known := found["contrail_up{server=nats}"]
		return known && up == 0 && found["contrail_position{stream=EVENTS}"] == 3
	}, patience, pause)
	require.InDelta(t, 1, found["contrail_up{server=postgres}"], 0)
	require.Contains(t, found, "contrail_publish_retries_total{stream=EVENTS}")
	require.NotContains(t, found, "contrail_consumer_lag_events{durable=guests,stream=EVENTS}")

	pool.Close()
	require.Eventually(t, func() bool {
		found = scrape(t, told)
		up, known := found["contrail_up{server=postgres}"]
		return known && up == 0
	}, patience, pause)
	for _, name := range []string{"contrail_position{stream=EVENTS}", "contrail_lag_events{stream=EVENTS}", "contrail_appended_events_total"} {
		require.NotContains(t, found, name)
	}
	require.NoError(t, broker.Restart())
}
