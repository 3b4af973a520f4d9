package subscribers_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/oteltest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// The trace context that the tests' events carry.
const (
	appendersSpan = "00f067aa0ba902b7"
	sampled       = "00-4bf92f3577b34da6a3ce929d0e0e4736-" + appendersSpan + "-01"
	unsampled     = "00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b8-00"
)

func (w *world) publishTraced(tb testing.TB, stream string, payload contrail.Payload, parent string) contrail.Recorded {
	tb.Helper()
	event := w.event(stream, payload)
	event.Metadata[contrail.KeyTraceparent] = parent
	w.send(tb, event)
	return event
}

func observed(tb testing.TB) (subscribers.Config, *oteltest.Recorder) {
	tb.Helper()
	told := oteltest.New(tb)
	return subscribers.Config{Tracer: told.Tracer, Meter: told.Meter}, told
}

// verdictsOf are those of spans, in order.
func verdictsOf(spans tracetest.SpanStubs) (verdicts []any) {
	for _, span := range spans {
		verdicts = append(verdicts, oteltest.Attribute(span, "contrail.verdict"))
	}
	return verdicts
}

// Each delivery has a span below the append's, which is active in the handler.
func TestHandlersHaveSpans(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	config, told := observed(t)
	config.Inbox = subscribers.NewInbox(pool)
	sub := w.subscribe(t, config)
	active := make(chan trace.SpanContext, 2)
	subscribers.HandleTx(sub, func(ctx context.Context, _ pgx.Tx, e contrail.Delivered[drafted]) error {
		active <- trace.SpanContextFromContext(ctx)
		if e.Delivery.Attempt == 1 {
			return errors.New("not yet")
		}
		return nil
	})
	event := w.publishTraced(t, "invoice-1", drafted{}, sampled)
	w.publishTraced(t, "invoice-2", issued{}, unsampled) // nobody asks for it
	stop := run(t, sub)
	within := []trace.SpanContext{receive(t, active), receive(t, active)}
	w.settled(t)
	stop()

	spans := told.Spans("process InvoiceDrafted")
	require.Equal(t, []any{"retried", "handled"}, verdictsOf(spans))
	for i, span := range spans {
		require.Equal(t, trace.SpanKindConsumer, span.SpanKind)
		require.Equal(t, appendersSpan, span.Parent.SpanID().String())
		require.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", span.SpanContext.TraceID().String())
		require.Equal(t, within[i].SpanID(), span.SpanContext.SpanID())
		for key, want := range map[string]any{
			"contrail.durable": "test", "contrail.delivery": int64(i + 1), "contrail.position": int64(1), "contrail.sequence": int64(1),
			"messaging.message.id": event.ID.String(), "contrail.stream": "invoice-1",
		} {
			require.Equal(t, want, oteltest.Attribute(span, key), key)
		}
	}
	require.Equal(t, codes.Error, spans[0].Status.Code)
	require.Contains(t, spans[0].Status.Description, "not yet")
	require.Equal(t, codes.Unset, spans[1].Status.Code)
	require.Len(t, told.All(), 2)
}

// A handler that panics, one that is cut off, and one whose event can't be read leave spans that say so.
func TestFailuresHaveSpans(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	config, told := observed(t)
	config.MaxDeliver, config.HandlerTimeout = 1, 300*time.Millisecond
	sub := w.subscribe(t, config)
	released := make(chan struct{})
	t.Cleanup(func() { close(released) })
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		if e.Data.N == 1 {
			panic("no ledger")
		}
		<-released
		return nil
	})
	for n := range 2 {
		w.publishTraced(t, "invoice-1", drafted{N: n + 1}, sampled)
	}
	unreadable := w.event("invoice-2", drafted{})
	unreadable.Data = json.RawMessage(`"no object"`)
	w.send(t, unreadable)
	stop := run(t, sub)
	w.settled(t)
	stop()

	said := map[string]int{}
	spans := told.Spans("process InvoiceDrafted")
	require.Equal(t, []any{"dead_letter", "dead_letter", "dead_letter"}, verdictsOf(spans))
	for _, span := range spans {
		require.Equal(t, codes.Error, span.Status.Code)
		said[span.Status.Description[:8]]++
	}
	require.Equal(t, map[string]int{"panic: n": 1, "the hand": 1, "decode t": 1}, said)
	require.EqualValues(t, 2, told.Count(t, "contrail.dead_lettered", "reason", "exhausted"))
	require.EqualValues(t, 1, told.Count(t, "contrail.dead_lettered", "reason", "undecodable"))
	require.EqualValues(t, 2, told.Count(t, "contrail.handle.duration", "verdict", "dead_letter"), "of an event that can't be read, no handler is called")
}

// Figures are what the statistics say, verdict by verdict, and an event that shares a transaction is measured by itself.
func TestFiguresAgreeWithStats(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	config, told := observed(t)
	config.Inbox, config.MaxDeliver = subscribers.NewInbox(pool), 3
	sub := w.subscribe(t, config)
	subscribers.HandleTx(sub, func(_ context.Context, _ pgx.Tx, e contrail.Delivered[drafted]) error {
		switch e.Data.N % 10 {
		case 1:
			return contrail.Skip("not ours")
		case 2:
			return errors.New("broken")
		case 3:
			return contrail.Permanent(errors.New("hopeless"))
		}
		return nil
	})
	for n := range 40 {
		w.publish(t, "invoice-1", drafted{N: n})
	}
	again := w.event("invoice-2", drafted{})
	w.send(t, again)
	_, err := w.js.PublishMsg(t.Context(), w.message(t, again)) // twice in the stream
	require.NoError(t, err)
	w.publish(t, "invoice-3", issued{})
	stop := run(t, sub)
	w.settled(t)
	stop()

	stats := sub.Stats()
	require.Equal(t, []int64{29, 4, 1, 8, 8, 1}, []int64{
		stats.Handled, stats.Skipped, stats.Duplicates, stats.Retried, stats.DeadLettered, stats.Unhandled,
	})
	for verdict, want := range map[string]int64{
		"handled": stats.Handled, "skipped": stats.Skipped, "duplicate": stats.Duplicates,
		"retried": stats.Retried, "dead_letter": stats.DeadLettered, "unhandled": stats.Unhandled,
	} {
		require.Equal(t, want, told.Count(t, "contrail.handled", "verdict", verdict, "stream", wire.DefaultStream, "durable", "test"), verdict)
	}
	require.EqualValues(t, 8, told.Count(t, "contrail.redelivered"))
	require.EqualValues(t, 4, told.Count(t, "contrail.dead_lettered", "reason", "exhausted"))
	require.EqualValues(t, 4, told.Count(t, "contrail.dead_lettered", "reason", "permanent"))
	require.EqualValues(t, 0, told.Count(t, "contrail.dead_lettered", "reason", "crashed"), "which begins at zero")
	require.EqualValues(t, 29, told.Count(t, "contrail.handle.duration", "verdict", "handled"))
	require.EqualValues(t, 8, told.Count(t, "contrail.handle.duration", "verdict", "retried"))
	require.EqualValues(t, 29+4+8, told.Count(t, "contrail.handle.latency"))
	for name, labels := range map[string][]string{
		"contrail.handled": {"durable", "stream", "verdict"}, "contrail.handle.duration": {"durable", "stream", "verdict"},
		"contrail.handle.latency": {"durable", "stream"}, "contrail.redelivered": {"durable", "stream"}, "contrail.dead_lettered": {"durable", "reason", "stream"},
	} {
		require.Equal(t, labels, told.Labels(t, name), name)
	}
}

// A Watermill subscriber to one stream shows in figures under the name that all its streams share.
func TestFiguresHaveFewDurables(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	config, told := observed(t)
	config.Durable = "service"
	sub, err := subscribers.NewSubscriber(w.js, config)
	require.NoError(t, err)
	messages, err := sub.Subscribe(t.Context(), "invoice-1")
	require.NoError(t, err)
	w.publish(t, "invoice-1", drafted{})
	receive(t, messages).Ack()
	eventually(t, func() bool {
		count, _ := told.Value(t, "contrail.handled", "verdict", "handled", "durable", "service")
		return count == 1
	})
	require.NoError(t, sub.Close())
}

// A batch of a projection has one span, linked to its events' own; one that fails says so and is counted, too.
func TestProjectionsTell(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	told := oteltest.New(t)
	failed, active := false, make(chan trace.SpanContext, 2)
	projection, err := subscribers.NewProjection(w.js, pool, subscribers.ProjectionConfig{
		Name: "totals", Tracer: told.Tracer, Meter: told.Meter, Backoff: subscribers.Backoff{Min: time.Millisecond, Max: 2 * time.Millisecond},
	}, func(ctx context.Context, _ pgx.Tx, _ []contrail.Delivered[json.RawMessage]) error {
		active <- trace.SpanContextFromContext(ctx)
		if failed = !failed; failed {
			return errors.New("not yet")
		}
		return nil
	})
	require.NoError(t, err)
	w.publishTraced(t, "invoice-1", drafted{}, sampled)
	stop := run(t, projection)
	within := []trace.SpanContext{receive(t, active), receive(t, active)}
	eventually(t, func() bool { return len(told.Spans("project totals")) == 2 })
	stop()

	spans := told.Spans("project totals")
	for i, span := range spans {
		require.Equal(t, within[i].SpanID(), span.SpanContext.SpanID())
		require.False(t, span.Parent.IsValid())
		require.Equal(t, appendersSpan, span.Links[0].SpanContext.SpanID().String())
	}
	require.Equal(t, codes.Error, spans[0].Status.Code)
	require.Equal(t, codes.Unset, spans[1].Status.Code)
	require.EqualValues(t, 1, told.Count(t, "contrail.projected", "stream", wire.DefaultStream, "projection", "totals"))
	require.EqualValues(t, 1, told.Count(t, "contrail.project.duration", "outcome", "ok"))
	require.EqualValues(t, 1, told.Count(t, "contrail.project.duration", "outcome", "error"))
}

// A projection that is paused tries nothing, and tells nothing; one whose database is gone tells that.
func TestProjectionsTellWhileTheyFail(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	told := oteltest.New(t)
	projection, err := subscribers.NewProjection(w.js, pool, subscribers.ProjectionConfig{
		Name: "totals", Tracer: told.Tracer, Meter: told.Meter, Standby: 10 * time.Millisecond, Backoff: subscribers.Backoff{Min: time.Millisecond, Max: 2 * time.Millisecond},
	}, func(context.Context, pgx.Tx, []contrail.Delivered[json.RawMessage]) error { return nil })
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `INSERT INTO contrail.projections (name, position, sequence, paused_at, paused_by) VALUES ('totals', 0, 0, now(), 'test')`)
	require.NoError(t, err)
	run(t, projection)
	w.publish(t, "invoice-1", drafted{})
	acquired := pool.Stat().AcquireCount()
	eventually(t, func() bool { return pool.Stat().AcquireCount() > acquired+5 }) // it is read, and waits
	require.Empty(t, told.All())
	require.EqualValues(t, 0, told.Count(t, "contrail.projected"), "which begins at zero")

	_, err = pool.Exec(t.Context(), `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
		UPDATE contrail.projections SET paused_at = NULL;
		CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON contrail.projections FOR EACH ROW EXECUTE FUNCTION refuse()`)
	require.NoError(t, err)
	eventually(t, func() bool {
		count, _ := told.Value(t, "contrail.project.duration", "outcome", "error")
		return count > 1
	})
	_, err = pool.Exec(t.Context(), `DROP TRIGGER refuse ON contrail.projections`)
	require.NoError(t, err)
	eventually(t, func() bool { return told.Count(t, "contrail.projected") == 1 })
	for _, span := range told.All()[:2] {
		require.Contains(t, span.Status.Description, "not now")
	}
}
