package publisher

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/instrument"
	"github.com/contrail-events/contrail/publisher/parked"
)

// How a batch ends, as contrail.publish.duration tells it.
const (
	outcomeOK      = "ok"
	outcomeRetry   = "retry"   // it is sent again
	outcomeRefused = "refused" // one of its events was refused
)

// telemetry tells OpenTelemetry what a relay does. It may be nil: then nobody wants to know. All methods may be called at once.
type telemetry struct {
	tracer trace.Tracer // nil: no spans
	stream string
	system string // of messaging, in the conventions' sense
	fenced bool   // the sequence of each event follows from that of the batch's last

	published, parked, retries metric.Int64Counter
	duration, latency          metric.Float64Histogram
	batch                      metric.Int64Histogram
	leading                    metric.Int64Gauge

	ofStream metric.MeasurementOption
	outcomes map[string]metric.MeasurementOption
	reasons  map[parked.Reason]metric.MeasurementOption

	failures atomic.Int64 // times that the relay has begun again since it last published
}

// newTelemetry returns nil where neither a tracer nor a meter is given.
func newTelemetry(cfg Config, jetStream bool) (*telemetry, error) {
	if cfg.Tracer == nil && cfg.Meter == nil {
		return nil, nil //nolint:nilnil // nobody wants to know
	}
	const path = "github.com/contrail-events/contrail/publisher"
	maker := instrument.NewMaker(cfg.Meter, path)
	t := &telemetry{
		stream: cfg.Stream, system: "watermill",
		published: maker.Counter("contrail.published", instrument.UnitEvents, "Events that were acknowledged, and the cursor moved behind them."),
		parked:    maker.Counter("contrail.parked", instrument.UnitEvents, "Events that were left out, by reason."),
		retries:   maker.Counter("contrail.publish.retries", "{retry}", "Times that the relay began again after an error."),
		duration:  maker.Seconds("contrail.publish.duration", "Time from a batch's start until it was acknowledged, or failed."),
		latency:   maker.Seconds("contrail.publish.latency", "Time from an event's append until it was acknowledged; of those that were requeued it is not told."),
		batch:     maker.Sizes("contrail.publish.batch", "Events in a batch."),
		leading:   maker.Gauge("contrail.relay.leading", "1 while this relay leads."),
		ofStream:  labels(cfg.Stream),
		outcomes:  map[string]metric.MeasurementOption{},
		reasons:   map[parked.Reason]metric.MeasurementOption{},
	}
	if jetStream {
		t.system, t.fenced = "nats", cfg.Fence == LastSequence
	}
	if cfg.Tracer != nil {
		t.tracer = cfg.Tracer.Tracer(path)
	}
	for _, outcome := range []string{outcomeOK, outcomeRetry, outcomeRefused} {
		t.outcomes[outcome] = labels(cfg.Stream, attribute.String("outcome", outcome))
	}
	for _, reason := range parked.Reasons() {
		t.reasons[reason] = labels(cfg.Stream, attribute.String("reason", string(reason)))
	}
	return t, maker.Err()
}

func labels(stream string, more ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(append(more, attribute.String("stream", stream))...))
}

// start has every counter begin at zero: one that appears with its first event has no rate then.
func (t *telemetry) start(ctx context.Context) {
	if t == nil {
		return
	}
	t.published.Add(ctx, 0, t.ofStream)
	t.retries.Add(ctx, 0, t.ofStream)
	for _, reason := range t.reasons {
		t.parked.Add(ctx, 0, reason)
	}
	t.lead(ctx, false)
}

func (t *telemetry) lead(ctx context.Context, leads bool) {
	if t == nil {
		return
	}
	var leading int64
	if leads {
		leading = 1
	}
	t.leading.Record(ctx, leading, t.ofStream)
}

// began returns what must be told of the end of a batch whose handler begins, and the ctx that the handler gets.
func (t *telemetry) began(ctx context.Context, b *batch) (context.Context, func(error)) {
	if t == nil || b == nil {
		return ctx, func(error) {}
	}
	began := time.Now()
	ctx = t.startBatch(ctx, b, began)
	return ctx, func(err error) {
		ended, outcome := b.acknowledged, outcomeOK
		if err == nil && !b.sent {
			err = errNacked // a middleware's doing
		}
		if err != nil {
			ended, outcome = time.Now(), outcomeRetry
			if isRefused(b, err) {
				outcome = outcomeRefused
			}
		}
		t.batch.Record(ctx, int64(len(b.events)), t.ofStream)
		t.duration.Record(ctx, ended.Sub(began).Seconds(), t.outcomes[outcome])
		t.endBatch(ctx, b, interval{began, ended}, err)
	}
}

// isRefused tells whether the error says that an event of this very batch will not be taken as it is.
func isRefused(b *batch, err error) bool {
	failed, ok := errors.AsType[*batchError](err)
	if !ok || failed.batch != b {
		return false
	}
	_, named := errors.AsType[*RefusedError](err)
	return named || contrail.IsPermanent(err)
}

// addPublished counts a batch that is settled, and measures its events if they came in their order.
func (t *telemetry) addPublished(ctx context.Context, b *batch, clock clock) {
	if t == nil {
		return
	}
	t.failures.Store(0)
	t.published.Add(ctx, int64(len(b.events)), t.ofStream)
	for _, event := range b.events {
		if latency, known := clock.latency(event); known {
			t.latency.Record(ctx, latency.Seconds(), t.ofStream)
		}
	}
}

func (t *telemetry) addRetried(ctx context.Context) {
	if t == nil {
		return
	}
	t.failures.Add(1)
	t.retries.Add(ctx, 1, t.ofStream)
}

func (t *telemetry) addLeft(ctx context.Context, left []Left) {
	if t == nil {
		return
	}
	for _, one := range left {
		reason, known := t.reasons[one.Reason]
		if !known { // a middleware's own RefusedError may say anything
			reason = t.reasons[parked.ReasonRefused]
		}
		t.parked.Add(ctx, 1, reason)
		t.traceLeft(ctx, one)
	}
}
