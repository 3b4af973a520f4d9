package telemetry_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/telemetry"
)

const (
	patience = 30 * time.Second
	pause    = 50 * time.Millisecond // between two looks
)

// started is a process's telemetry, listening for the length of the test.
func started(tb testing.TB) *telemetry.Telemetry {
	tb.Helper()
	t, err := telemetry.Start(tb.Context(), telemetry.Config{Service: "contrail-test", Version: "1.2.3", Listen: "127.0.0.1:0"})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, t.Shutdown(context.WithoutCancel(tb.Context()))) })
	t.Health().Begin()
	return t
}

// get asks the listener.
func get(tb testing.TB, t *telemetry.Telemetry, path string) (status int, body []byte) {
	tb.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(tb.Context()), http.MethodGet, "http://"+t.Addr().String()+path, http.NoBody)
	require.NoError(tb, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	require.NoError(tb, err)
	body, err = io.ReadAll(response.Body)
	require.NoError(tb, errors.Join(err, response.Body.Close()))
	return response.StatusCode, body
}

// health asks /healthz or /readyz.
func health(tb testing.TB, t *telemetry.Telemetry, path string) (status int, report telemetry.Report) {
	tb.Helper()
	status, body := get(tb, t, path)
	require.NoError(tb, json.Unmarshal(body, &report), string(body))
	return status, report
}

// failing are the checks that fail, with what they say.
func failing(report telemetry.Report) map[string]string {
	found := map[string]string{}
	for _, check := range report.Checks {
		if !check.OK {
			found[check.Name] = check.What
		}
	}
	return found
}

// until asks until the answer has this status, and returns it.
func until(tb testing.TB, t *telemetry.Telemetry, path string, status int) (report telemetry.Report) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		var got int
		got, report = health(tb, t, path)
		return got == status
	}, patience, 50*time.Millisecond)
	return report
}

// scraped is what /metrics tells: the values of each metric, by its labels, as in published{stream=EVENTS}. Of a histogram it is the count.
type scraped map[string]float64

// scrape parses a scrape with Prometheus' own parser.
func scrape(tb testing.TB, t *telemetry.Telemetry) scraped {
	tb.Helper()
	response, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, "http://"+t.Addr().String()+telemetry.PathMetrics, http.NoBody)
	require.NoError(tb, err)
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(response)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, answer.Body.Close()) }()
	require.Equal(tb, http.StatusOK, answer.StatusCode)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	require.NoError(tb, err)
	found := scraped{}
	for name, family := range families {
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, label := range metric.GetLabel() {
				labels = append(labels, label.GetName()+"="+label.GetValue())
			}
			key := name
			if len(labels) > 0 {
				key += "{" + strings.Join(labels, ",") + "}"
			}
			switch {
			case metric.GetHistogram() != nil:
				found[key] = float64(metric.GetHistogram().GetSampleCount())
			case metric.GetCounter() != nil:
				found[key] = metric.GetCounter().GetValue()
			case metric.GetGauge() != nil:
				found[key] = metric.GetGauge().GetValue()
			default:
				found[key] = metric.GetUntyped().GetValue()
			}
		}
	}
	return found
}

// exec runs statements one after another.
func exec(tb testing.TB, pool *pgxpool.Pool, statements ...string) {
	tb.Helper()
	for _, statement := range statements {
		_, err := pool.Exec(tb.Context(), statement)
		require.NoError(tb, err, statement)
	}
}

// appended appends n events, each to a stream of its own.
func appended(tb testing.TB, pool *pgxpool.Pool, n int) {
	tb.Helper()
	_, err := pool.Exec(tb.Context(), `INSERT INTO contrail.events (stream, version, type, data)
		SELECT 'test-' || gen_random_uuid(), 1, 'Counted', '{}' FROM generate_series(1, $1)`, n)
	require.NoError(tb, err)
}
