package eventstore

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/instrument"
)

// How an append ends, as contrail.append.duration tells it.
const (
	outcomeOK       = "ok"
	outcomeConflict = "conflict"
	outcomeError    = "error"
)

// telemetry tells OpenTelemetry of appends. It may be nil: then nobody wants to know.
type telemetry struct {
	tracer   trace.Tracer
	duration metric.Float64Histogram
	outcomes map[string]metric.MeasurementOption
}

// newTelemetry returns nil where neither is given.
func newTelemetry(tracer trace.TracerProvider, meter metric.MeterProvider) (*telemetry, error) {
	if tracer == nil && meter == nil {
		return nil, nil //nolint:nilnil // nobody wants to know
	}
	if tracer == nil {
		tracer = noop.NewTracerProvider()
	}
	const path = "github.com/contrail-events/contrail/eventstore"
	maker := instrument.NewMaker(meter, path)
	t := &telemetry{
		tracer:   tracer.Tracer(path),
		duration: maker.Seconds("contrail.append.duration", "Time that an append took, without the commit of its transaction."),
		outcomes: map[string]metric.MeasurementOption{},
	}
	for _, outcome := range []string{outcomeOK, outcomeConflict, outcomeError} {
		t.outcomes[outcome] = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", outcome)))
	}
	return t, maker.Err()
}

// begin returns a ctx with the append's span, and what must be told of its end. Where no span is active, the one goes on that ctx's metadata tell of, as
// that of a handler does whose own process makes no spans.
func (t *telemetry) begin(ctx context.Context, stream contrail.StreamID, events int) (context.Context, func([]contrail.Recorded, error)) {
	if t == nil || events == 0 {
		return ctx, func([]contrail.Recorded, error) {}
	}
	if !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, instrument.SpanContext(ctx, contrail.MetadataFrom(ctx)))
	}
	began := time.Now()
	category := instrument.Text(stream.Category()) // nobody has looked yet whether it is one
	operation := instrument.Operation{Name: "append", Type: "create", System: "contrail", Destination: category}
	ctx, _ = t.tracer.Start(ctx, "append "+category, trace.WithTimestamp(began), trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(operation.Attributes(
			attribute.Int("messaging.batch.message_count", events),
			attribute.String("contrail.stream", instrument.Text(stream.String())), attribute.Int("contrail.events", events))...))
	return ctx, func(recorded []contrail.Recorded, err error) { t.end(ctx, began, recorded, err) }
}

func (t *telemetry) end(ctx context.Context, began time.Time, recorded []contrail.Recorded, err error) {
	span, outcome := trace.SpanFromContext(ctx), outcomeOK
	if n := len(recorded); n > 0 {
		span.SetAttributes(attribute.Int64("contrail.version", recorded[n-1].Version))
	}
	if err != nil {
		outcome = outcomeError
		if _, conflict := errors.AsType[*ConflictError](err); conflict {
			outcome = outcomeConflict
		}
		span.SetAttributes(attribute.String("error.type", outcome))
		instrument.Fail(span, err.Error())
	}
	ended := time.Now()
	span.End(trace.WithTimestamp(ended))
	t.duration.Record(ctx, ended.Sub(began).Seconds(), t.outcomes[outcome])
}
