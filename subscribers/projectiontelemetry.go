package subscribers

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/instrument"
)

// projectionTelemetry tells OpenTelemetry what a projection does. It may be nil: then nobody wants to know.
type projectionTelemetry struct {
	tracer    trace.Tracer
	name      string
	stream    string
	projected metric.Int64Counter
	duration  metric.Float64Histogram

	labels, ok, failed metric.MeasurementOption
}

// newProjectionTelemetry returns nil where neither a tracer nor a meter is given.
func newProjectionTelemetry(config ProjectionConfig) (*projectionTelemetry, error) {
	tracer := config.Tracer
	if tracer == nil && config.Meter == nil {
		return nil, nil //nolint:nilnil // nobody wants to know
	}
	if tracer == nil {
		tracer = noop.NewTracerProvider()
	}
	maker := instrument.NewMaker(config.Meter, scope)
	with := func(more ...attribute.KeyValue) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(append(more, attribute.String("stream", config.Stream), attribute.String("projection", config.Name))...))
	}
	return &projectionTelemetry{
		tracer: tracer.Tracer(scope), name: config.Name, stream: config.Stream,
		projected: maker.Counter("contrail.projected", instrument.UnitEvents, "Events that are in the read model, as they came."),
		duration:  maker.Seconds("contrail.project.duration", "Time that a batch took, with its transaction."),
		labels:    with(), ok: with(attribute.String("outcome", "ok")), failed: with(attribute.String("outcome", "error")),
	}, maker.Err()
}

// start has the counter begin at zero.
func (t *projectionTelemetry) start(ctx context.Context) {
	if t != nil {
		t.projected.Add(ctx, 0, t.labels)
	}
}

// projecting is one try to project a batch.
type projecting struct {
	*projectionTelemetry

	events []contrail.Delivered[json.RawMessage]
	began  time.Time
	span   trace.Span // nil until start
}

// begin returns nil where nobody wants to know, or there is nothing to tell.
func (t *projectionTelemetry) begin(events []contrail.Delivered[json.RawMessage]) *projecting {
	if t == nil || len(events) == 0 {
		return nil
	}
	return &projecting{projectionTelemetry: t, events: events, began: time.Now()}
}

// start makes the batch's span, the root of a trace of its own: its events come from many.
func (p *projecting) start(ctx context.Context) context.Context {
	if p == nil {
		return ctx
	}
	operation := instrument.Operation{Name: "project", Type: "process", System: "nats", Destination: p.stream}
	first, last := p.events[0], p.events[len(p.events)-1]
	links := instrument.Links(ctx, p.events, func(event contrail.Delivered[json.RawMessage]) contrail.Metadata { return event.Metadata })
	ctx, p.span = p.tracer.Start(ctx, "project "+p.name, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithTimestamp(p.began),
		trace.WithLinks(links...), trace.WithAttributes(operation.Attributes(
			attribute.String("contrail.projection", p.name),
			attribute.Int("messaging.batch.message_count", len(p.events)),
			attribute.Int("contrail.events", len(p.events)),
			attribute.Int64("contrail.position.first", int64(first.Position)),
			attribute.Int64("contrail.position.last", int64(last.Position)),
			attribute.Int64("contrail.sequence", int64(last.Delivery.Sequence)))...)) //nolint:gosec // 2⁶³ messages
	return ctx
}

// end tells how it went. That the projection is paused, or somebody else's turn, is no failure: nothing was tried.
func (p *projecting) end(ctx context.Context, err error) {
	if p == nil {
		return
	}
	if p.span == nil {
		if errors.Is(err, errPaused) || errors.Is(err, errSuperseded) || errors.Is(err, errRebuilt) {
			return
		}
		ctx = p.start(ctx)
	}
	ended, outcome := time.Now(), p.ok
	if err == nil {
		p.projected.Add(ctx, int64(len(p.events)), p.labels)
	} else {
		outcome = p.failed
		instrument.Fail(p.span, said(err))
	}
	p.duration.Record(ctx, ended.Sub(p.began).Seconds(), outcome)
	p.span.End(trace.WithTimestamp(ended))
}
