package telemetry_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/telemetry"
)

// collector takes what is exported, and keeps where it was sent.
type collector struct {
	*httptest.Server

	mu    sync.Mutex
	paths map[string]string // bodies by path
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{paths: map[string]string{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.paths[r.URL.Path] += body.String()
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) got(path string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.paths[path]
}

// environment sets the variables of a test.
func environment(t *testing.T, variables map[string]string) {
	t.Helper()
	for name, value := range variables {
		t.Setenv(name, value)
	}
}

// work makes a span and a figure.
func work(t *testing.T, told *telemetry.Telemetry) {
	t.Helper()
	if tracer := told.Tracer(); tracer != nil {
		_, span := tracer.Tracer("test").Start(t.Context(), "a span of ours")
		span.End()
	}
	if meter := told.Meter(); meter != nil {
		counter, err := meter.Meter("test").Int64Counter("contrail.test")
		require.NoError(t, err)
		counter.Add(t.Context(), 1)
	}
}

// The standard variables say where traces and metrics go, and the last of them get out at the end.
func TestStandardVariablesExport(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "500")
	to := newCollector(t)
	environment(t, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": to.URL, "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=lab", "OTEL_SERVICE_NAME": "our-relay",
	})
	told, err := telemetry.Start(t.Context(), telemetry.Config{Service: "contrail-test", Version: "1.2.3", Getenv: os.Getenv})
	require.NoError(t, err)
	require.Nil(t, told.Addr())
	work(t, told)
	require.NoError(t, told.Shutdown(t.Context()))
	for _, text := range []string{"a span of ours", "our-relay", "1.2.3", "lab"} {
		require.Contains(t, to.got("/v1/traces"), text)
	}
	require.NotContains(t, to.got("/v1/traces"), "contrail-test", "the environment has the last word")
	require.Contains(t, to.got("/v1/metrics"), "contrail.test")
	require.Contains(t, to.got("/v1/metrics"), "go.goroutine.count")
}

func TestVariablesChooseSignals(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "500")
	to := newCollector(t)
	environment(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": to.URL})
	for name, test := range map[string]struct {
		variables       map[string]string
		traces, metrics bool
	}{
		"both":         {nil, true, true},
		"disabled":     {map[string]string{"OTEL_SDK_DISABLED": "TRUE"}, false, false},
		"no traces":    {map[string]string{"OTEL_TRACES_EXPORTER": "none"}, false, true},
		"no metrics":   {map[string]string{"OTEL_METRICS_EXPORTER": "none"}, true, false},
		"no endpoint":  {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, false, false},
		"one endpoint": {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": to.URL + "/v1/traces"}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "500")
			environment(t, test.variables)
			told, err := telemetry.Start(t.Context(), telemetry.Config{Service: "contrail-test", Getenv: os.Getenv})
			require.NoError(t, err)
			require.Equal(t, test.traces, told.Tracer() != nil)
			require.Equal(t, test.metrics, told.Meter() != nil)
			require.NoError(t, told.Shutdown(t.Context()))
		})
	}
}

func TestExporterThatDoesNotExistIsRefused(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "500")
	for variable, refusal := range map[string]string{
		"OTEL_TRACES_EXPORTER": "correct OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER": "correct OTEL_METRICS_EXPORTER",
	} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, "pigeon")
			_, err := telemetry.Start(t.Context(), telemetry.Config{Service: "contrail-test", Listen: "127.0.0.1:0", Getenv: os.Getenv})
			require.ErrorContains(t, err, refusal)
		})
	}
	environment(t, map[string]string{"OTEL_METRICS_EXPORTER": "prometheus"})
	_, err := telemetry.Start(t.Context(), telemetry.Config{Service: "contrail-test", Getenv: os.Getenv})
	require.ErrorContains(t, err, "--telemetry HOST:PORT")
}

// lines is a log that may be written to at once.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.text.String()), "\n")
}

// A collector that is down is complained of in the log, not with every batch, and holds up the end for no longer than was said.
func TestCollectorThatIsDownIsComplainedOfOnce(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "500")
	to := newCollector(t)
	to.Close()
	environment(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": to.URL, "OTEL_BSP_SCHEDULE_DELAY": "5", "OTEL_METRIC_EXPORT_INTERVAL": "20"})
	var log lines
	told, err := telemetry.Start(t.Context(), telemetry.Config{
		Service: "contrail-test", Getenv: os.Getenv, ShutdownTimeout: 2 * time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		work(t, told)
		return strings.Contains(strings.Join(log.all(), "\n"), "telemetry is not exported")
	}, patience, pause)
	for range 20 {
		work(t, told)
	}
	_ = told.Shutdown(context.WithoutCancel(t.Context())) // it says what did not get out
	require.Len(t, log.all(), 1)
}
