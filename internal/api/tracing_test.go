package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/contrail-events/contrail/internal/api"
)

const (
	traceID     = "4bf92f3577b34da6a3ce929d0e0e4736"
	traceparent = "00-" + traceID + "-00f067aa0ba902b7-01"
)

func (s *service) storedTrace(t *testing.T, id string) (trace string) {
	t.Helper()
	require.NoError(t, s.pool.QueryRow(t.Context(), `SELECT coalesce(metadata->>'traceparent', '') FROM contrail.events WHERE stream = 'organisation-' || $1`, id).Scan(&trace))
	return trace
}

// Without a provider the trace context that comes in goes into the events, and back, as it is.
func TestTraceContextPassesOn(t *testing.T) {
	t.Parallel()
	s := newService(t)
	id, got := s.command(t, http.MethodPost, "/accountify/organisation", object{"name": "Acme"}, "Traceparent", traceparent)
	require.Equal(t, traceparent, s.storedTrace(t, id))
	require.Equal(t, traceparent, got.Header.Get("Traceresponse"))
	require.Equal(t, traceparent, got.Header.Get("Traceparent"))
	id, got = s.command(t, http.MethodPost, "/accountify/organisation", object{"name": "Acme"})
	require.Empty(t, s.storedTrace(t, id))
	require.Empty(t, got.Header.Get("Traceresponse"))
}

// With a provider each request is a span of the trace that it came with, named after its route; probes are none.
func TestSpans(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	t.Cleanup(func() { _ = provider.Shutdown(t.Context()) })
	s := newService(t, func(config *api.Config) { config.TracerProvider = provider })
	s.get(t, "/healthz")
	id, got := s.command(t, http.MethodPost, "/accountify/organisation", object{"name": "Acme"}, "Traceparent", traceparent)
	require.Eventually(t, func() bool { return len(spans.Ended()) == 1 }, patience, 1e6)
	span := spans.Ended()[0]
	require.Equal(t, "POST /accountify/organisation", span.Name())
	require.Contains(t, span.Attributes(), attribute.String("http.route", "/accountify/organisation"))
	require.Equal(t, traceID, span.SpanContext().TraceID().String())
	require.Equal(t, "00f067aa0ba902b7", span.Parent().SpanID().String())
	stored := s.storedTrace(t, id)
	require.Equal(t, "00-"+traceID+"-"+span.SpanContext().SpanID().String()+"-01", stored)
	require.Equal(t, stored, got.Header.Get("Traceresponse"))
	_, got = s.command(t, http.MethodPost, "/accountify/organisation", object{"name": "Acme"})
	require.True(t, strings.HasPrefix(got.Header.Get("Traceresponse"), "00-"), "a new one begins")
}
