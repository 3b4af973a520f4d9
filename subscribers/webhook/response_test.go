package webhook_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "soon": 0, "-5": 0, "1.5": 0, "0": time.Second, "1": time.Second, " 120 ": 2 * time.Minute, "86400": 24 * time.Hour, "999999999": 24 * time.Hour,
		"99999999999999999999999":       24 * time.Hour,
		"Sun, 22 Nov 2026 09:05:00 GMT": 5 * time.Minute, "Sun, 22 Nov 2026 08:00:00 GMT": time.Second, "Sun, 22 Nov 2099 08:00:00 GMT": 24 * time.Hour,
		"Sunday, 22-Nov-26 09:00:10 GMT": 10 * time.Second,
	} {
		require.Equal(t, want, webhook.RetryAfter(header, now), header)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		fault  string // "": it has taken the event
		delay  bool
	}{
		{200, "", false},
		{201, "", false},
		{202, "", false},
		{204, "", false},
		{299, "", false},
		{300, "redirects are not followed", false},
		{304, "redirects are not followed", false},
		{400, "the endpoint answers 400 Bad Request", false},
		{401, "401 Unauthorized", false},
		{404, "404 Not Found", false},
		{410, "the endpoint wants no more events: it answers 410 Gone", false},
		{429, "429 Too Many Requests", true},
		{500, "500 Internal Server Error", false},
		{503, "503 Service Unavailable", true},
		{599, "the endpoint answers 599", false},
		{999, "the endpoint answers 999", false},
	} {
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(test.status)
		})
		got, err := post(t, webhook.NewPoster(t, nil, nil), server.URL, requestTimeout)
		require.NoError(t, err)
		require.Equal(t, test.status, got.Status)
		require.Equal(t, test.delay, got.RetryAfter, test.status)
		if test.fault == "" {
			require.NoError(t, got.Fault)
			continue
		}
		require.ErrorContains(t, got.Fault, test.fault)
		require.Equal(t, test.status == http.StatusGone, errors.Is(got.Fault, webhook.ErrGone()))
	}
}

// Whatever comes back does nothing to a terminal, and is short.
func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte("ok"))
	f.Add(500, []byte("\x1b[2J\xff\xfe"+strings.Repeat("\u202e", 400)))
	f.Add(-1, []byte(`{"password":"hunter2"`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		got, text := webhook.ReadAnswer(&http.Response{StatusCode: status, Body: io.NopCloser(bytes.NewReader(body))})
		require.Equal(t, status, got)
		requireHarmless(t, text)
		require.LessOrEqual(t, len(text), 3*1024+100)
	})
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Sun, 22 Nov 2026 09:05:00 GMT")
	f.Fuzz(func(t *testing.T, header string) {
		if wait := webhook.RetryAfter(header, time.Unix(1_800_000_000, 0)); wait != 0 {
			require.GreaterOrEqual(t, wait, time.Second)
			require.LessOrEqual(t, wait, 24*time.Hour)
		}
	})
}
