package telemetry_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/telemetry"
)

func TestAsk(t *testing.T) {
	t.Parallel()
	told := started(t)
	told.Health().Ready("broker", func(context.Context) (string, error) { return "", errors.New("it is away") })
	port := told.Addr().String()[len("127.0.0.1"):]
	for _, address := range []string{told.Addr().String(), "http://" + told.Addr().String(), "http://" + told.Addr().String() + "/", port, "0.0.0.0" + port, "[::]" + port} {
		report, err := telemetry.Ask(t.Context(), telemetry.Question{URL: address})
		require.NoError(t, err, address)
		require.False(t, report.OK(), address)
		require.Equal(t, map[string]string{"broker": "it is away"}, failing(report))
		report, err = telemetry.Ask(t.Context(), telemetry.Question{URL: address, Live: true})
		require.NoError(t, err, address)
		require.True(t, report.OK(), address)
	}
	report, err := telemetry.Ask(t.Context(), telemetry.Question{URL: told.Addr().String() + "/healthz"})
	require.NoError(t, err)
	require.True(t, report.OK(), "one with a path is asked as it is")
}

func TestAskRefusesWhatIsNotHealth(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/other":
			_, _ = w.Write([]byte("<html>"))
		case "/elsewhere":
			http.Redirect(w, r, "/other", http.StatusFound)
		case "/down":
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	for path, refusal := range map[string]string{
		"/other": "not about health", "/elsewhere": "status 302", "/": "status 404",
	} {
		_, err := telemetry.Ask(t.Context(), telemetry.Question{URL: server.URL + path})
		require.ErrorContains(t, err, refusal, path)
	}
	report, err := telemetry.Ask(t.Context(), telemetry.Question{URL: server.URL + "/down"})
	require.NoError(t, err)
	require.False(t, report.OK(), "in whatever form it is said")
	for _, address := range []string{"", "ftp://127.0.0.1:1", "http://", "http://127.0.0.1:x"} {
		_, err := telemetry.Ask(t.Context(), telemetry.Question{URL: address})
		require.ErrorContains(t, err, "write it as http://127.0.0.1:9464", address)
	}
	server.Close()
	_, err = telemetry.Ask(t.Context(), telemetry.Question{URL: server.URL})
	require.ErrorContains(t, err, "ask "+server.URL+"/readyz: ", "refused or reset")
}
