package api_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/api"
)

// syncedBuffer is a log that is read while it is written.
type syncedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *syncedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *syncedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func logTo(log *syncedBuffer) func(*api.Config) {
	return func(config *api.Config) {
		config.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
}

// Each request is a line at debug.
func TestRequestsAreLogged(t *testing.T) {
	t.Parallel()
	var log syncedBuffer
	s := newService(t, logTo(&log))
	got := s.do(t, http.MethodGet, "/accountify/organisation/"+absent, nil)
	require.Eventually(t, func() bool { return log.String() != "" }, patience, 1e6)
	require.Regexp(t, `level=DEBUG msg=request method=GET path=/accountify/organisation/`+absent+` status=404 took=\S+ correlation_id=`+
		got.Header.Get("X-Correlation-Id"), log.String())
}

// The id that joins all that a request sets off is the client's, or made up, and answered; it goes into the events.
func TestCorrelation(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for name, test := range map[string]struct {
		headers []string
		want    string
	}{
		"correlation":  {[]string{"X-Correlation-Id", "c-1", "X-Request-Id", "r-1"}, "^c-1$"},
		"request":      {[]string{"X-Request-Id", "r-1"}, "^r-1$"},
		"none":         {nil, "^[0-9a-f-]{36}$"},
		"unprintable":  {[]string{"X-Correlation-Id", "c\t1"}, "^[0-9a-f-]{36}$"},
		"without text": {[]string{"X-Correlation-Id", "\xff"}, "^[0-9a-f-]{36}$"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, got := s.command(t, http.MethodPost, "/accountify/organisation", object{"name": "Acme"}, test.headers...)
			told := got.Header.Get("X-Correlation-Id")
			require.Regexp(t, test.want, told)
			require.Equal(t, told, got.Header.Get("X-Request-Id"))
			var stored string
			require.NoError(t, s.pool.QueryRow(t.Context(), `SELECT metadata->>'correlation_id' FROM contrail.events WHERE stream = 'organisation-' || $1`, id).Scan(&stored))
			require.Equal(t, told, stored)
		})
	}
}
