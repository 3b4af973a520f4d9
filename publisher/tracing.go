package publisher

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/instrument"
)

type interval struct{ began, ended time.Time }

func (t *telemetry) operation() instrument.Operation {
	return instrument.Operation{Name: "publish", Type: "send", System: t.system, Destination: t.stream}
}

// startBatch begins the span of a batch, the root of a trace of its own: its events come from many.
func (t *telemetry) startBatch(ctx context.Context, b *batch, began time.Time) context.Context {
	if t.tracer == nil || len(b.events) == 0 {
		return ctx
	}
	ctx, _ = t.tracer.Start(ctx, "publish "+t.stream, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindProducer), trace.WithTimestamp(began),
		trace.WithLinks(instrument.Links(ctx, b.events, func(event contrail.Recorded) contrail.Metadata { return event.Metadata })...),
		trace.WithAttributes(t.operation().Attributes(
			attribute.Int("messaging.batch.message_count", len(b.events)),
			attribute.Int("contrail.events", len(b.events)),
			attribute.Int64("contrail.position.first", int64(b.events[0].Position)),
			attribute.Int64("contrail.position.last", int64(b.events[len(b.events)-1].Position)),
			attribute.Int64("contrail.attempt", t.failures.Load()+1),
			attribute.Bool("contrail.resent", b.resent != nil))...))
	return ctx
}

// endBatch ends it, and makes the spans of those events whose own trace is recorded: all that were published, and the one that was refused.
func (t *telemetry) endBatch(ctx context.Context, b *batch, took interval, err error) {
	if t.tracer == nil || len(b.events) == 0 {
		return
	}
	span := trace.SpanFromContext(ctx)
	through := len(b.events)
	if err != nil {
		instrument.Fail(span, err.Error())
		through = b.done // what is known of the others is only that they come again
	}
	for i := range b.events[:through] {
		t.traceEvent(ctx, b, i, took, nil)
	}
	if refused, ok := errors.AsType[*RefusedError](err); ok && isRefused(b, err) {
		for i := range b.events {
			if b.events[i].Position == refused.Position {
				t.traceEvent(ctx, b, i, took, refused)
			}
		}
	}
	span.End(trace.WithTimestamp(took.ended))
}

// traceEvent makes the span of one event, in its own trace.
func (t *telemetry) traceEvent(ctx context.Context, b *batch, index int, took interval, refused *RefusedError) {
	event := b.events[index]
	if !instrument.IsSampled(event.Metadata) {
		return
	}
	attributes := t.attributesOf(event)
	if sequence := t.sequenceOf(b, index); sequence > 0 && refused == nil {
		attributes = append(attributes, attribute.Int64("contrail.sequence", int64(sequence))) //nolint:gosec // 2⁶³ messages
	}
	if b.resent != nil {
		attributes = append(attributes, attribute.String("contrail.resent", b.resent[index]))
	}
	span := t.startEvent(ctx, "publish ", event, took.began, attributes)
	if refused != nil {
		instrument.Fail(span, refused.Error())
	}
	span.End(trace.WithTimestamp(took.ended))
}

// traceLeft makes the span of an event that is left out, in its own trace.
func (t *telemetry) traceLeft(ctx context.Context, left Left) {
	if t.tracer == nil || !instrument.IsSampled(left.Event.Metadata) {
		return
	}
	span := t.startEvent(ctx, "park ", left.Event, time.Now(), append(t.attributesOf(left.Event),
		attribute.String("contrail.state", string(left.State)), attribute.String("contrail.reason", string(left.Reason)), attribute.Int("contrail.attempt", left.Attempts)))
	if left.Error != "" {
		instrument.Fail(span, left.Error)
	}
	span.End()
}

// startEvent begins a span below the one that appended the event, linked to the one that ctx has.
func (t *telemetry) startEvent(ctx context.Context, what string, event contrail.Recorded, began time.Time, attributes []attribute.KeyValue) trace.Span {
	_, span := t.tracer.Start(trace.ContextWithRemoteSpanContext(ctx, instrument.SpanContext(ctx, event.Metadata)), what+event.Type,
		trace.WithSpanKind(trace.SpanKindProducer), trace.WithTimestamp(began), trace.WithLinks(trace.LinkFromContext(ctx)), trace.WithAttributes(attributes...))
	return span
}

func (t *telemetry) attributesOf(event contrail.Recorded) []attribute.KeyValue {
	return t.operation().Attributes(
		attribute.String("messaging.message.id", event.ID.String()),
		attribute.String("contrail.stream", event.Stream.String()),
		attribute.Int64("contrail.version", event.Version),
		attribute.Int64("contrail.position", int64(event.Position)),
	)
}

// sequenceOf is that of an event in the stream, 0 where it is not known.
func (t *telemetry) sequenceOf(b *batch, index int) uint64 {
	switch behind := uint64(len(b.events) - 1 - index); { //nolint:gosec // a count
	case index < len(b.sequences):
		return b.sequences[index]
	case t.fenced && b.sequence > behind:
		return b.sequence - behind
	}
	return 0
}
