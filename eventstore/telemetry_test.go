package eventstore_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/oteltest"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// tracedStore is a store that tells a recorder.
func tracedStore(tb testing.TB, opts ...sdktrace.TracerProviderOption) (*eventstore.Store, *oteltest.Recorder) {
	tb.Helper()
	told := oteltest.New(tb, opts...)
	store, err := eventstore.New(eventstore.Config{Tracer: told.Tracer, Meter: told.Meter})
	require.NoError(tb, err)
	return store, told
}

func appendWith(ctx context.Context, pool *pgxpool.Pool, store *eventstore.Store, expected eventstore.ExpectedVersion, events ...contrail.Event) (recorded []contrail.Recorded, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		recorded, err = store.Append(ctx, tx, contrail.NewStreamID("invoice", "42"), expected, events...)
		return err
	})
	return recorded, err
}

// The events carry on the context of the append's own span, which is below the caller's.
func TestAppendHasASpan(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store, told := tracedStore(t)
	ctx, caller := told.Tracer.Tracer("test").Start(t.Context(), "issue an invoice")
	recorded, err := appendWith(ctx, pool, store, eventstore.NoStream, happened("InvoiceDrafted"), happened("InvoiceIssued"))
	require.NoError(t, err)
	caller.End()

	spans := told.Spans("append invoice")
	require.Len(t, spans, 1)
	span := spans[0]
	require.Equal(t, trace.SpanKindProducer, span.SpanKind)
	require.Equal(t, caller.SpanContext().SpanID(), span.Parent.SpanID())
	require.Equal(t, "invoice-42", oteltest.Attribute(span, "contrail.stream"))
	require.EqualValues(t, 2, oteltest.Attribute(span, "contrail.events"))
	require.EqualValues(t, 2, oteltest.Attribute(span, "contrail.version"))
	require.Equal(t, codes.Unset, span.Status.Code)
	parent := "00-" + span.SpanContext.TraceID().String() + "-" + span.SpanContext.SpanID().String() + "-01"
	for _, event := range load(t, pool, recorded[0].Stream, 1) {
		require.Equal(t, parent, event.Metadata[contrail.KeyTraceparent])
	}
}

// Through database/sql it is the same.
func TestAppendSQLHasASpan(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store, told := tracedStore(t)
	db := stdlib.OpenDBFromPool(pool)
	defer func() { require.NoError(t, db.Close()) }()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	recorded, err := store.AppendSQL(t.Context(), tx, contrail.NewStreamID("invoice", "42"), eventstore.NoStream, happened("InvoiceDrafted"))
	require.NoError(t, err)
	require.NoError(t, tx.Commit())
	spans := told.Spans("append invoice")
	require.Len(t, spans, 1)
	require.Contains(t, recorded[0].Metadata[contrail.KeyTraceparent], spans[0].SpanContext.SpanID().String())
}

// Where no span is active, but an event is the cause, its trace is gone on with.
func TestAppendGoesOnWithTheCausesTrace(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store, told := tracedStore(t)
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	cause := contrail.Recorded{Metadata: contrail.Metadata{contrail.KeyTraceparent: parent, contrail.KeyTracestate: "vendor=7"}}
	recorded, err := appendWith(contrail.CausedBy(t.Context(), cause), pool, store, eventstore.NoStream, happened("InvoiceDrafted"))
	require.NoError(t, err)
	span := told.Spans("append invoice")[0]
	require.Equal(t, "00f067aa0ba902b7", span.Parent.SpanID().String())
	require.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", span.SpanContext.TraceID().String())
	require.Contains(t, recorded[0].Metadata[contrail.KeyTraceparent], "-"+span.SpanContext.SpanID().String()+"-01")
	require.Equal(t, "vendor=7", recorded[0].Metadata[contrail.KeyTracestate])
}

// What is not recorded says so to whoever comes later.
func TestAppendThatIsNotSampled(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store, told := tracedStore(t, sdktrace.WithSampler(sdktrace.NeverSample()))
	recorded, err := appendWith(t.Context(), pool, store, eventstore.NoStream, happened("InvoiceDrafted"))
	require.NoError(t, err)
	require.Empty(t, told.All())
	require.Regexp(t, "^00-[0-9a-f]{32}-[0-9a-f]{16}-00$", recorded[0].Metadata[contrail.KeyTraceparent])
}

// Each append is counted and timed by its outcome, and one of nothing is none.
func TestAppendsAreCounted(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store, told := tracedStore(t)
	_, err := appendWith(t.Context(), pool, store, eventstore.NoStream)
	require.NoError(t, err)
	require.Empty(t, told.All())
	for range 2 {
		_, err := appendWith(t.Context(), pool, store, eventstore.Any, happened("InvoiceDrafted"))
		require.NoError(t, err)
	}
	_, err = appendWith(t.Context(), pool, store, eventstore.Exactly(7), happened("InvoiceDrafted"))
	require.Error(t, err)
	_, err = appendWith(t.Context(), pool, store, eventstore.Any, happened("not a type"))
	require.Error(t, err)

	const name = "contrail.append.duration"
	require.EqualValues(t, 2, told.Count(t, name, "outcome", "ok"))
	require.EqualValues(t, 1, told.Count(t, name, "outcome", "conflict"))
	require.EqualValues(t, 1, told.Count(t, name, "outcome", "error"))
	require.Equal(t, []string{"outcome"}, told.Labels(t, name))
	spans := told.Spans("append invoice")
	require.Len(t, spans, 4)
	require.Equal(t, codes.Error, spans[2].Status.Code)
	require.Contains(t, spans[2].Status.Description, "expected version 7")
	require.Equal(t, codes.Error, spans[3].Status.Code)
}
