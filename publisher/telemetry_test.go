package publisher_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/oteltest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// The trace contexts that the tests' events carry.
const (
	sampled   = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b8-00"
)

// appendTraced appends an event, with data of that length, that carries a trace context.
func appendTraced(tb testing.TB, pool *pgxpool.Pool, parent string, length int) {
	tb.Helper()
	store, err := eventstore.New(eventstore.Config{})
	require.NoError(tb, err)
	data, err := json.Marshal(string(make([]byte, length)))
	require.NoError(tb, err)
	require.NoError(tb, pgx.BeginFunc(tb.Context(), pool, func(tx pgx.Tx) error {
		event := contrail.Event{Type: "Counted", Data: data}
		if parent != "" {
			event.Metadata = contrail.Metadata{contrail.KeyTraceparent: parent}
		}
		_, err := store.Append(tb.Context(), tx, contrail.NewStreamID("test", "1"), eventstore.Any, event)
		return err
	}))
}

func observed(tb testing.TB) (publisher.Config, *oteltest.Recorder) {
	tb.Helper()
	told := oteltest.New(tb)
	cfg := impatient()
	cfg.Tracer, cfg.Meter = told.Tracer, told.Meter
	return cfg, told
}

// A batch has a span of its own, and an event whose trace is recorded has one there. What is not recorded costs nothing.
func TestRelayTraces(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	cfg, told := observed(t)
	for _, parent := range []string{"", unsampled, sampled} {
		appendTraced(t, pool, parent, 1)
	}
	stop := start(t, newRelay(t, pool, js, cfg))
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())

	batches := told.Spans("publish EVENTS")
	require.Len(t, batches, 1)
	batch := batches[0]
	require.Equal(t, trace.SpanKindProducer, batch.SpanKind)
	require.False(t, batch.Parent.IsValid())
	require.Len(t, batch.Links, 1)
	require.Equal(t, "00f067aa0ba902b7", batch.Links[0].SpanContext.SpanID().String())
	for key, want := range map[string]int64{
		"contrail.events": 3, "contrail.position.first": 1, "contrail.position.last": 3, "contrail.attempt": 1,
	} {
		require.EqualValues(t, want, oteltest.Attribute(batch, key), key)
	}
	events := told.Spans("publish Counted")
	require.Len(t, events, 1)
	event := events[0]
	require.Equal(t, "00f067aa0ba902b7", event.Parent.SpanID().String())
	require.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", event.SpanContext.TraceID().String())
	require.Equal(t, batch.SpanContext.SpanID(), event.Links[0].SpanContext.SpanID())
	require.Equal(t, []any{int64(3), int64(3), "test-1"}, []any{
		oteltest.Attribute(event, "contrail.position"), oteltest.Attribute(event, "contrail.sequence"), oteltest.Attribute(event, "contrail.stream"),
	})
	require.Equal(t, batch.StartTime, event.StartTime)
	require.Equal(t, batch.EndTime, event.EndTime)
	require.Len(t, told.All(), 2)
}

// An event that is refused, parked and requeued is in its own trace with each of that.
func TestRelayTracesWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _, widen := narrow(t)
	cfg, told := observed(t)
	cfg.Attempts = 2
	appendTraced(t, pool, sampled, 20_000) // each NUL takes six bytes
	appendTraced(t, pool, sampled, 1)
	stop := start(t, newRelay(t, pool, js, cfg))
	awaitStates(t, pool, "1:parked")
	awaitCaughtUp(t, pool, js)
	widen()
	requeue(t, pool, 1)
	awaitStates(t, pool, "1:published")
	require.NoError(t, stop())

	var tries, resent tracetest.SpanStubs
	for _, span := range told.Spans("publish Counted") {
		require.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", span.SpanContext.TraceID().String())
		switch {
		case span.Status.Code == codes.Error:
			tries = append(tries, span)
		case oteltest.Attribute(span, "contrail.resent") != nil:
			resent = append(resent, span)
		}
	}
	require.GreaterOrEqual(t, len(tries), 2, "a try that another batch's error overtook does not count")
	require.Contains(t, tries[0].Status.Description, "message size exceeds maximum allowed")
	require.Len(t, resent, 1)
	require.EqualValues(t, 1, oteltest.Attribute(resent[0], "contrail.position"))
	require.EqualValues(t, 2, oteltest.Attribute(resent[0], "contrail.sequence"))
	left := told.Spans("park Counted")
	require.Len(t, left, 1)
	require.Equal(t, "message_too_large", oteltest.Attribute(left[0], "contrail.reason"))
	require.EqualValues(t, 2, oteltest.Attribute(left[0], "contrail.attempt"))
	require.EqualValues(t, 1, told.Count(t, "contrail.parked", "reason", "message_too_large", "stream", "EVENTS"))
	require.EqualValues(t, 0, told.Count(t, "contrail.parked", "reason", "held"), "which begins at zero")
	require.EqualValues(t, len(tries), told.Count(t, "contrail.publish.duration", "outcome", "refused"))
	require.EqualValues(t, 2, told.Count(t, "contrail.published"))
	require.EqualValues(t, 1, told.Count(t, "contrail.publish.latency"), "what was requeued is not measured")
}

// Figures go on while every batch fails, and agree with what the relay tells in its row.
func TestRelayCountsWhileEveryBatchFails(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	cfg, told := observed(t)
	mended := make(chan struct{})
	panics := true
	cfg.Middlewares = []message.HandlerMiddleware{func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			select {
			case <-mended:
				return next(msg)
			default:
			}
			if panics = !panics; panics {
				panic("not ever")
			}
			return nil, errors.New("not now")
		}
	}}
	appendTraced(t, pool, sampled, 1)
	stop := start(t, newRelay(t, pool, js, cfg))
	failed := func() int64 {
		count, _ := told.Value(t, "contrail.publish.duration", "outcome", "retry")
		return count
	}
	require.Eventually(t, func() bool { return failed() >= 3 }, patience, time.Millisecond)
	require.EqualValues(t, 1, told.Count(t, "contrail.relay.leading"))
	require.EqualValues(t, 0, told.Count(t, "contrail.published"))
	close(mended)
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())

	retries := told.Count(t, "contrail.publish.retries", "stream", "EVENTS")
	require.Equal(t, failed(), retries)
	require.EqualValues(t, 1, told.Count(t, "contrail.publish.duration", "outcome", "ok"))
	require.EqualValues(t, 1, told.Count(t, "contrail.published", "stream", "EVENTS"))
	require.Equal(t, retries+1, told.Count(t, "contrail.publish.batch"))
	require.EqualValues(t, 0, told.Count(t, "contrail.relay.leading"))
	batches := told.Spans("publish EVENTS")
	require.Len(t, batches, int(retries)+1)
	require.EqualValues(t, retries+1, oteltest.Attribute(batches[retries], "contrail.attempt"))
	require.Equal(t, codes.Error, batches[0].Status.Code)
	require.Equal(t, codes.Error, batches[1].Status.Code)
	require.Contains(t, batches[0].Status.Description+batches[1].Status.Description, "panicked")
	require.Len(t, told.Spans("publish Counted"), 1, "an event is published once")
	for name, labels := range map[string][]string{
		"contrail.publish.duration": {"outcome", "stream"}, "contrail.publish.latency": {"stream"}, "contrail.publish.batch": {"stream"},
		"contrail.published": {"stream"}, "contrail.publish.retries": {"stream"}, "contrail.parked": {"reason", "stream"}, "contrail.relay.leading": {"stream"},
	} {
		require.Equal(t, labels, told.Labels(t, name), name)
	}
}

// To any Watermill publisher it is the same, and its messages' contexts have the batch's span.
func TestRelayToAnywhereTraces(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	cfg, told := observed(t)
	cfg.Stream = "ELSEWHERE"
	appendTraced(t, pool, sampled, 1)
	within := make(chan trace.SpanContext, 1)
	relay, err := publisher.NewRelayTo(pool, publishing(func(msg *message.Message) error {
		within <- trace.SpanContextFromContext(msg.Context())
		return nil
	}), cfg)
	require.NoError(t, err)
	stop := start(t, relay)
	active := <-within
	require.Eventually(t, func() bool {
		count, _ := told.Value(t, "contrail.published", "stream", "ELSEWHERE")
		return count == 1
	}, patience, time.Millisecond)
	require.NoError(t, stop())
	require.Equal(t, told.Spans("publish ELSEWHERE")[0].SpanContext.SpanID(), active.SpanID())
	require.Nil(t, oteltest.Attribute(told.Spans("publish Counted")[0], "contrail.sequence"))
}

// publishing is a Watermill publisher.
type publishing func(msg *message.Message) error

func (p publishing) Publish(_ string, messages ...*message.Message) error {
	for _, msg := range messages {
		if err := p(msg); err != nil {
			return err
		}
	}
	return nil
}

func (publishing) Close() error { return nil }

// The leader tells the percentiles of what it has published.
func TestRelayTellsItsLatencies(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	_, err := pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data, recorded_at)
		SELECT 'test-1', n, 'Counted', '{}', now() - CASE WHEN n <= 99 THEN interval '1 minute' ELSE interval '1 hour' END FROM generate_series(1, 100) n`)
	require.NoError(t, err)
	cfg := impatient()
	cfg.Heartbeat, cfg.BatchEvents = time.Second, 100
	start(t, newRelay(t, pool, js, cfg))
	var p50, p99, most float64
	require.Eventually(t, func() bool {
		err := pool.QueryRow(context.WithoutCancel(t.Context()), `SELECT latency_p50, latency_p99, latency_max FROM contrail.relay_processes`).Scan(&p50, &p99, &most)
		return err == nil && most > 0
	}, patience, time.Millisecond)
	require.InDelta(t, 60, p50, 30)
	require.InDelta(t, 60, p99, 30)
	require.InDelta(t, 3600, most, 60)
}
