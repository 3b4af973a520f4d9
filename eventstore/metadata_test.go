package eventstore_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

func TestAppendTakesMetadataFromTheContext(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	state, err := trace.ParseTraceState("vendor=7")
	require.NoError(t, err)
	span := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1, 2, 3}, SpanID: trace.SpanID{4, 5}, TraceFlags: trace.FlagsSampled, TraceState: state,
	})
	const (
		parent = "00-01020300000000000000000000000000-0405000000000000-01"
		older  = "00-0a000000000000000000000000000000-0b00000000000000-00"
	)
	request := contrail.Metadata{"correlation_id": "c1", "causation_id": "m1", "tenant_id": "t1", "user_id": "u1"}

	for name, c := range map[string]struct {
		ctx  func(context.Context) context.Context
		own  contrail.Metadata
		want contrail.Metadata
	}{
		"nothing there": {
			func(ctx context.Context) context.Context { return ctx },
			contrail.Metadata{"note": "x"},
			contrail.Metadata{"note": "x"},
		},
		"a request": {
			func(ctx context.Context) context.Context { return contrail.WithMetadata(ctx, request) },
			nil, request,
		},
		"the metadata of a recorded event": {
			func(ctx context.Context) context.Context {
				return contrail.WithMetadata(ctx, request.With("schema_version", "3").With("key_id", "k1"))
			},
			nil, request,
		},
		"the event's own comes first": {
			func(ctx context.Context) context.Context { return contrail.WithMetadata(ctx, request) },
			contrail.Metadata{"user_id": "u2"},
			request.With("user_id", "u2"),
		},
		"an active span": {
			func(ctx context.Context) context.Context { return trace.ContextWithSpanContext(ctx, span) },
			nil,
			contrail.Metadata{"traceparent": parent, "tracestate": "vendor=7"},
		},
		"an active span is younger than what was handed on": {
			func(ctx context.Context) context.Context {
				ctx = contrail.WithMetadata(ctx, contrail.Metadata{"traceparent": older, "tracestate": "other=1"})
				return trace.ContextWithSpanContext(ctx, span)
			},
			nil,
			contrail.Metadata{"traceparent": parent, "tracestate": "vendor=7"},
		},
		"a trace context is taken as a whole": {
			func(ctx context.Context) context.Context { return trace.ContextWithSpanContext(ctx, span) },
			contrail.Metadata{"traceparent": older},
			contrail.Metadata{"traceparent": older},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event := happened("Noted")
			event.Metadata = c.own
			before := len(c.own)
			stream := contrail.NewStreamID("note", uuid.NewString())
			ctx := c.ctx(t.Context())
			recorded, err := appendNow(ctx, pool, stream, eventstore.NoStream, event)
			require.NoError(t, err)
			require.Equal(t, c.want, recorded[0].Metadata)
			require.Equal(t, c.want, load(t, pool, stream, 1)[0].Metadata)
			require.Len(t, c.own, before, "the caller's own map is left alone")

			// database/sql goes the same way
			db := stdlib.OpenDBFromPool(pool)
			defer func() { require.NoError(t, db.Close()) }()
			tx, err := db.BeginTx(ctx, nil)
			require.NoError(t, err)
			recorded, err = newStore(t).AppendSQL(ctx, tx, stream, eventstore.Exactly(1), event)
			require.NoError(t, err)
			require.Equal(t, c.want, recorded[0].Metadata)
			require.NoError(t, tx.Commit())
		})
	}
}

func TestAppendRefusesBadMetadataFromTheContext(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	ctx := contrail.WithMetadata(t.Context(), contrail.Metadata{"Tenant": "t1"})
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := newStore(t).Append(ctx, tx, invoice42, eventstore.NoStream, happened("A"))
		require.ErrorIs(t, err, contrail.ErrInvalid)
		require.ErrorContains(t, err, `metadata key "Tenant" must match`)
		return nil
	})
	require.NoError(t, err)
}
