package subscribers

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/instrument"
	"github.com/contrail-events/contrail/subscribers/attempts"
)

// scope is what OpenTelemetry knows this package by.
const scope = "github.com/contrail-events/contrail/subscribers"

// telemetry tells OpenTelemetry what a subscription does. It may be nil: then nobody wants to know. All methods may be called at once.
type telemetry struct {
	tracer  trace.Tracer // nil: no spans
	stream  string
	durable string

	handled, redelivered, deadLettered metric.Int64Counter
	duration, latency                  metric.Float64Histogram

	labels   metric.MeasurementOption
	verdicts map[attempts.Verdict]metric.MeasurementOption
	reasons  map[Reason]metric.MeasurementOption
}

// newTelemetry returns nil where neither a tracer nor a meter is given. label is what stands for the consumer in figures.
func newTelemetry(config Config, label string) (*telemetry, error) {
	if config.Tracer == nil && config.Meter == nil {
		return nil, nil //nolint:nilnil // nobody wants to know
	}
	maker := instrument.NewMaker(config.Meter, scope)
	with := func(more ...attribute.KeyValue) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(append(more, attribute.String("stream", config.Stream), attribute.String("durable", label))...))
	}
	t := &telemetry{
		stream: config.Stream, durable: config.Durable,
		handled:      maker.Counter("contrail.handled", instrument.UnitEvents, "Events by their verdicts."),
		redelivered:  maker.Counter("contrail.redelivered", instrument.UnitEvents, "Deliveries that were not the first of their event."),
		deadLettered: maker.Counter("contrail.dead_lettered", instrument.UnitEvents, "Events that became dead letters, by reason."),
		duration:     maker.Seconds("contrail.handle.duration", "Time that the handler took for an event."),
		latency:      maker.Seconds("contrail.handle.latency", "Time from an event's append until it was handled, skipped or a dead letter; of those that were requeued it is not told."),
		labels:       with(), verdicts: map[attempts.Verdict]metric.MeasurementOption{}, reasons: map[Reason]metric.MeasurementOption{},
	}
	if config.Tracer != nil {
		t.tracer = config.Tracer.Tracer(scope)
	}
	for _, verdict := range attempts.Verdicts() {
		t.verdicts[verdict] = with(attribute.String("verdict", string(verdict)))
	}
	for _, reason := range []Reason{
		ReasonPermanent, ReasonExhausted, ReasonUndecodable, ReasonForeign, ReasonAbandoned, ReasonCrashed, ReasonTerminated,
	} {
		t.reasons[reason] = with(attribute.String("reason", string(reason)))
	}
	return t, maker.Err()
}

// start has every counter begin at zero: one that appears with its first event has no rate then.
func (t *telemetry) start(ctx context.Context) {
	if t == nil {
		return
	}
	t.redelivered.Add(ctx, 0, t.labels)
	for _, verdict := range t.verdicts {
		t.handled.Add(ctx, 0, verdict)
	}
	for _, reason := range t.reasons {
		t.deadLettered.Add(ctx, 0, reason)
	}
}

// deliver counts a delivery.
func (t *telemetry) deliver(ctx context.Context, d *delivery) {
	if t != nil && d.meta.NumDelivered > 1 {
		t.redelivered.Add(ctx, 1, t.labels)
	}
}

// count counts a verdict.
func (t *telemetry) count(ctx context.Context, verdict attempts.Verdict) {
	if t != nil {
		t.handled.Add(ctx, 1, t.verdicts[verdict])
	}
}

// bury counts a dead letter.
func (t *telemetry) bury(ctx context.Context, reason Reason) {
	if t != nil {
		t.deadLettered.Add(ctx, 1, t.reasons[reason])
	}
}

// begin makes the span of a delivery that a worker begins with, in the trace of the event's append.
func (t *telemetry) begin(ctx context.Context, d *delivery, event contrail.Recorded) {
	if t == nil || t.tracer == nil {
		d.begin(nil)
		return
	}
	operation := instrument.Operation{Name: "process", Type: "process", System: "nats", Destination: t.stream}
	ctx = trace.ContextWithRemoteSpanContext(ctx, instrument.SpanContext(ctx, event.Metadata))
	_, span := t.tracer.Start(ctx, "process "+event.Type, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(operation.Attributes(
		attribute.String("messaging.message.id", event.ID.String()),
		attribute.String("messaging.consumer.group.name", t.durable),
		attribute.String("contrail.durable", t.durable),
		attribute.Int("contrail.delivery", d.attempt()),
		attribute.Int("contrail.replays", d.replays()),
		attribute.String("contrail.stream", event.Stream.String()),
		attribute.Int64("contrail.version", event.Version),
		attribute.Int64("contrail.position", int64(event.Position)),
		attribute.Int64("contrail.sequence", int64(d.number)), //nolint:gosec // 2⁶³ messages
	)...))
	d.begin(span)
}

// settle measures a delivery that was answered, and ends its span.
func (t *telemetry) settle(ctx context.Context, d *delivery, verdict attempts.Verdict, cause error) {
	if t == nil {
		return
	}
	now := time.Now()
	h := d.handling()
	if took, called := h.duration(now); called {
		t.duration.Record(ctx, took.Seconds(), t.verdicts[verdict])
	}
	switch verdict {
	case attempts.Handled, attempts.Skipped, attempts.DeadLetter:
		if !d.about.recordedAt.IsZero() && d.replays() == 0 {
			t.latency.Record(ctx, max(now.Sub(d.about.recordedAt), 0).Seconds(), t.labels)
		}
	case attempts.Retried, attempts.Duplicate, attempts.Unhandled:
	}
	if h.span == nil {
		return
	}
	h.span.SetAttributes(attribute.String("contrail.verdict", string(verdict)))
	if cause != nil && (verdict == attempts.Retried || verdict == attempts.DeadLetter) {
		instrument.Fail(h.span, said(cause))
	}
	h.span.End(trace.WithTimestamp(now))
}

// unsettle ends the span of a delivery that got no verdict: it is handled once more, here or elsewhere.
func (t *telemetry) unsettle(d *delivery, cause error) {
	if t == nil {
		return
	}
	if span := d.handling().span; span != nil {
		instrument.Fail(span, said(cause))
		span.End()
	}
}

// said is what an error says; a typed nil survives it.
func said(err error) string { return fmt.Sprint(err) }
