package telemetry_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/telemetry"
)

// Liveness is about loops alone, readiness about everything.
func TestReadinessAsksWhatLivenessDoesNot(t *testing.T) {
	t.Parallel()
	told := started(t)
	var hangs, away atomic.Bool
	says := func(bad *atomic.Bool, what string) telemetry.Probe {
		return func(context.Context) (string, error) {
			if bad.Load() {
				return "", errors.New(what)
			}
			return "well", nil
		}
	}
	told.Health().Alive("loop", says(&hangs, "it hangs"))
	told.Health().Ready("broker", says(&away, "it is away"))
	expect := func(live, ready int) (report telemetry.Report) {
		t.Helper()
		until(t, told, telemetry.PathLive, live)
		return until(t, told, telemetry.PathReady, ready)
	}

	report := expect(http.StatusOK, http.StatusOK)
	require.Equal(t, "ok", report.Status)
	require.Len(t, report.Checks, 3)
	require.Equal(t, "running", report.Checks[0].What)
	since := report.Checks[2].Since

	away.Store(true)
	report = expect(http.StatusOK, http.StatusServiceUnavailable)
	require.Equal(t, map[string]string{"broker": "it is away"}, failing(report))
	require.True(t, report.Checks[2].Since.After(since))
	require.Equal(t, "failing", report.Status)
	since = report.Checks[2].Since

	hangs.Store(true)
	report = expect(http.StatusServiceUnavailable, http.StatusServiceUnavailable)
	require.Len(t, failing(report), 2)
	require.Equal(t, since, report.Checks[2].Since, "it has been so since then")

	away.Store(false)
	hangs.Store(false)
	expect(http.StatusOK, http.StatusOK)
}

// A probe that never returns is an answer, too, and does not pile up.
func TestProbeThatHangsFails(t *testing.T) {
	t.Parallel()
	told := started(t)
	release := make(chan struct{})
	defer close(release)
	var asked atomic.Int64
	told.Health().Alive("stuck", func(context.Context) (string, error) {
		asked.Add(1)
		<-release
		return "", nil
	})
	for range 2 {
		status, report := health(t, told, telemetry.PathLive)
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Equal(t, map[string]string{"stuck": "no answer within 2s"}, failing(report))
	}
	require.Equal(t, int64(1), asked.Load())
}

// Whoever sends work to a process should begin when it does, and stop when it was told to end.
func TestProcessIsReadyFromItsBeginningToItsEnd(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(t.Context())
	told, err := telemetry.Start(ctx, telemetry.Config{Service: "contrail-test", Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	status, report := health(t, told, telemetry.PathReady)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, map[string]string{"process": "it starts, and has not begun its work"}, failing(report))
	status, _ = health(t, told, telemetry.PathLive)
	require.Equal(t, http.StatusOK, status)
	told.Health().Begin()
	until(t, told, telemetry.PathReady, http.StatusOK)
	end()
	report = until(t, told, telemetry.PathReady, http.StatusServiceUnavailable)
	require.Contains(t, failing(report), "process")
	until(t, told, telemetry.PathLive, http.StatusOK)
	require.NoError(t, told.Shutdown(ctx))
	require.NoError(t, told.Shutdown(ctx), "again")
}

func TestListenerServesNothingElse(t *testing.T) {
	t.Parallel()
	told := started(t)
	status, body := get(t, told, "/")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "/metrics\n/healthz\n/readyz\n", string(body))
	status, _ = get(t, told, "/debug/pprof/")
	require.Equal(t, http.StatusNotFound, status)
}

func TestNothingIsToldUnlessSomebodyAsks(t *testing.T) {
	t.Parallel()
	told, err := telemetry.Start(t.Context(), telemetry.Config{Service: "contrail-test"})
	require.NoError(t, err)
	require.Nil(t, told.Tracer())
	require.Nil(t, told.Meter())
	require.Nil(t, told.Addr())
	told.Health().Ready("anything", nil)
	require.NoError(t, told.Shutdown(t.Context()))

	var none *telemetry.Telemetry
	require.Nil(t, none.Tracer())
	require.Nil(t, none.Meter())
	none.Health().Alive("anything", nil)
}

func TestStartNamesEveryFault(t *testing.T) {
	t.Parallel()
	_, err := telemetry.Start(t.Context(), telemetry.Config{Listen: "here", ShutdownTimeout: -time.Second})
	require.ErrorContains(t, err, "Service is required")
	require.ErrorContains(t, err, `Listen is "here"`)
	require.ErrorContains(t, err, "ShutdownTimeout is -1s")

	taken := started(t).Addr().String()
	_, err = telemetry.Start(t.Context(), telemetry.Config{Service: "contrail-test", Listen: taken})
	require.ErrorContains(t, err, "serve telemetry on "+taken+": ")
	require.ErrorContains(t, err, "give another address with --telemetry")
}
