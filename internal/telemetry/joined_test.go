package telemetry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/oteltest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers"
)

type issued struct {
	N int `json:"n"`
}

func (issued) EventType() string { return "InvoiceIssued" }

// providers are what the library's parts are given.
type providers struct {
	tracer trace.TracerProvider
	meter  metric.MeterProvider
}

// journey appends events in one transaction, within a request's span, relays them and has them handled and projected, and returns once all are.
func journey(t *testing.T, request trace.Span, told providers, count int, handle func(contrail.Delivered[issued]) error) {
	t.Helper()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	store, err := eventstore.New(eventstore.Config{Tracer: told.tracer, Meter: told.meter})
	require.NoError(t, err)
	relay, err := publisher.NewRelay(pool, js, publisher.Config{Tracer: told.tracer, Meter: told.meter})
	require.NoError(t, err)
	sub, err := subscribers.New(js, subscribers.Config{
		Durable: "summary", Inbox: subscribers.NewInbox(pool), Tracer: told.tracer, Meter: told.meter,
		Backoff: subscribers.Backoff{Min: time.Millisecond, Max: 2 * time.Millisecond},
	})
	require.NoError(t, err)
	all := make(chan struct{})
	projected := 0
	projection, err := subscribers.NewProjection(js, pool, subscribers.ProjectionConfig{Name: "totals", Tracer: told.tracer, Meter: told.meter},
		func(_ context.Context, _ pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
			if projected += len(events); projected == 2*count {
				close(all)
			}
			return nil
		})
	require.NoError(t, err)
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[issued]) error {
		if err := handle(e); err != nil {
			return err
		}
		_, err := store.Append(ctx, tx, contrail.NewStreamID("reminder", e.Stream.ID()), eventstore.Any, contrail.Event{Type: "Reminded", Data: []byte(`{}`)})
		return err
	})

	events := make([]contrail.Event, count)
	for n := range events {
		events[n] = contrail.NewEvent(issued{N: n})
	}
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := store.Append(trace.ContextWithSpan(t.Context(), request), tx, contrail.NewStreamID("invoice", "42"), eventstore.NoStream, events...)
		return err
	}))
	// A span that is active where the process begins is nobody's parent: it would never end.
	running, stop := context.WithCancel(trace.ContextWithSpan(t.Context(), request))
	ended := make(chan error, 3)
	for _, one := range []interface {
		Run(ctx context.Context) error
	}{relay, sub, projection} {
		go func() { ended <- one.Run(running) }()
	}
	// What the handler appends is relayed, too, and nobody asks for it.
	require.Eventually(t, func() bool {
		return sub.Stats().Handled == int64(count) && sub.Stats().Unhandled == int64(count)
	}, patience, time.Millisecond)
	select {
	case <-all:
	case <-time.After(patience):
		require.Fail(t, "not all is projected")
	}
	stop()
	require.NoError(t, errors.Join(<-ended, <-ended, <-ended))
}

// Append, publish and process are one trace: publish and process stand below the append, and the batch is linked to it. What a handler appends
// goes on in that trace.
func TestOneTraceFromAppendToHandler(t *testing.T) {
	t.Parallel()
	told := oteltest.New(t)
	_, request := told.Tracer.Tracer("test").Start(t.Context(), "issue an invoice")
	failed := false
	journey(t, request, providers{told.Tracer, told.Meter}, 1, func(contrail.Delivered[issued]) error {
		if failed = !failed; failed {
			return errors.New("not yet")
		}
		return nil
	})
	request.End()

	whole := request.SpanContext().TraceID()
	appended := told.Spans("append invoice")[0]
	require.Equal(t, request.SpanContext().SpanID(), appended.Parent.SpanID())
	published := told.Spans("publish InvoiceIssued")
	require.Len(t, published, 1)
	processed := told.Spans("process InvoiceIssued")
	require.Len(t, processed, 2)
	for _, span := range append(processed, published[0]) {
		require.Equal(t, whole, span.SpanContext.TraceID(), span.Name)
		require.Equal(t, appended.SpanContext.SpanID(), span.Parent.SpanID(), span.Name)
		require.True(t, span.Parent.IsRemote(), span.Name)
	}
	require.Equal(t, []any{int64(1), "retried", int64(2), "handled"}, []any{
		oteltest.Attribute(processed[0], "contrail.delivery"), oteltest.Attribute(processed[0], "contrail.verdict"),
		oteltest.Attribute(processed[1], "contrail.delivery"), oteltest.Attribute(processed[1], "contrail.verdict"),
	})
	require.Equal(t, codes.Error, processed[0].Status.Code)

	batch := told.Spans("publish EVENTS")[0]
	require.NotEqual(t, whole, batch.SpanContext.TraceID(), "a batch has events of many traces")
	require.Equal(t, appended.SpanContext.SpanID(), batch.Links[0].SpanContext.SpanID())
	require.Equal(t, batch.SpanContext.SpanID(), published[0].Links[0].SpanContext.SpanID())
	require.Equal(t, batch.SpanContext.TraceID(), published[0].Links[0].SpanContext.TraceID())

	require.NotEmpty(t, told.Spans("project totals")[0].Links)
	require.NotEqual(t, whole, told.Spans("project totals")[0].SpanContext.TraceID())

	consequence := told.Spans("append reminder")
	require.Len(t, consequence, 1)
	require.Equal(t, whole, consequence[0].SpanContext.TraceID())
	require.Equal(t, processed[1].SpanContext.SpanID(), consequence[0].Parent.SpanID())
	require.Equal(t, consequence[0].SpanContext.SpanID(), told.Spans("publish Reminded")[0].Parent.SpanID())
}

// Of events whose trace is not recorded there is no span but those of the batches, which are a matter of the relay's own.
func TestUnsampledEventsLeaveNoSpans(t *testing.T) {
	t.Parallel()
	told := oteltest.New(t, sdktrace.WithSampler(sdktrace.ParentBased(sampling("publish EVENTS"))))
	journey(t, nil, providers{told.Tracer, told.Meter}, 3, func(contrail.Delivered[issued]) error { return nil })
	spans := told.All()
	require.NotEmpty(t, spans)
	for _, span := range spans {
		require.Equal(t, "publish EVENTS", span.Name)
		require.Empty(t, span.Links)
	}
	require.EqualValues(t, 6, told.Count(t, "contrail.published"))
	require.EqualValues(t, 3, told.Count(t, "contrail.handled", "verdict", "handled"))
	require.EqualValues(t, 4, told.Count(t, "contrail.append.duration", "outcome", "ok"))
}

// Prometheus knows the library's figures by these names and labels, and no other.
func TestNamesOfTheLibrarysFigures(t *testing.T) {
	t.Parallel()
	told := started(t)
	failed := false
	journey(t, nil, providers{nil, told.Meter()}, 1, func(contrail.Delivered[issued]) error {
		if failed = !failed; failed {
			return errors.New("not yet")
		}
		return nil
	})
	got := scrape(t, told)
	for figure, want := range map[string]float64{
		"contrail_append_duration_seconds{outcome=ok}":                                        2,
		"contrail_published_events_total{stream=EVENTS}":                                      2,
		"contrail_publish_latency_seconds{stream=EVENTS}":                                     2,
		"contrail_parked_events_total{reason=held,stream=EVENTS}":                             0,
		"contrail_publish_retries_total{stream=EVENTS}":                                       0,
		"contrail_relay_leading{stream=EVENTS}":                                               0,
		"contrail_handled_events_total{durable=summary,stream=EVENTS,verdict=handled}":        1,
		"contrail_handled_events_total{durable=summary,stream=EVENTS,verdict=retried}":        1,
		"contrail_handled_events_total{durable=summary,stream=EVENTS,verdict=unhandled}":      1,
		"contrail_handle_duration_seconds{durable=summary,stream=EVENTS,verdict=handled}":     1,
		"contrail_handle_latency_seconds{durable=summary,stream=EVENTS}":                      1,
		"contrail_redelivered_events_total{durable=summary,stream=EVENTS}":                    1,
		"contrail_dead_lettered_events_total{durable=summary,reason=permanent,stream=EVENTS}": 0,
		"contrail_projected_events_total{projection=totals,stream=EVENTS}":                    2,
	} {
		require.Contains(t, got, figure)
		require.InDelta(t, want, got[figure], 0, figure)
	}
	for _, figure := range []string{ // as many as there were batches
		"contrail_publish_duration_seconds{outcome=ok,stream=EVENTS}", "contrail_publish_batch_events{stream=EVENTS}",
		"contrail_project_duration_seconds{outcome=ok,projection=totals,stream=EVENTS}",
	} {
		require.Positive(t, got[figure], figure)
	}
}

// sampling records the spans of one name.
type sampling string

func (s sampling) ShouldSample(asked sdktrace.SamplingParameters) sdktrace.SamplingResult {
	decision := sdktrace.Drop
	if asked.Name == string(s) {
		decision = sdktrace.RecordAndSample
	}
	return sdktrace.SamplingResult{Decision: decision, Tracestate: trace.SpanContextFromContext(asked.ParentContext).TraceState()}
}

func (s sampling) Description() string { return fmt.Sprintf("only %q", string(s)) }
