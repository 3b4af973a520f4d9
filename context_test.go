package contrail_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
)

func TestMetadataInContext(t *testing.T) {
	t.Parallel()
	require.Equal(t, contrail.Metadata{}, contrail.MetadataFrom(t.Context()))

	outer := contrail.WithMetadata(t.Context(), contrail.Metadata{"tenant_id": "t1", "user_id": "u1"})
	inner := contrail.WithMetadata(outer, contrail.Metadata{"user_id": "u2", "correlation_id": "c1"})
	require.Equal(t, contrail.Metadata{"tenant_id": "t1", "user_id": "u2", "correlation_id": "c1"}, contrail.MetadataFrom(inner))
	require.Equal(t, contrail.Metadata{"tenant_id": "t1", "user_id": "u1"}, contrail.MetadataFrom(outer), "an inner ctx changes no outer one")

	contrail.MetadataFrom(outer)["tenant_id"] = "t2"
	require.Equal(t, "t1", contrail.MetadataFrom(outer)["tenant_id"], "it is a copy")
}

func TestCausedBy(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	for name, c := range map[string]struct{ event, want contrail.Metadata }{
		"the first of a correlation": {
			contrail.Metadata{"user_id": "u1", "note": "stays behind"},
			contrail.Metadata{"correlation_id": id.String(), "causation_id": id.String(), "user_id": "u1", "locale": "de"},
		},
		"one among others": {
			contrail.Metadata{"correlation_id": "c1", "causation_id": "before", "tenant_id": "t1", "traceparent": "00-a-b-01", "tracestate": "x=y"},
			contrail.Metadata{
				"correlation_id": "c1", "causation_id": id.String(), "tenant_id": "t1", "traceparent": "00-a-b-01", "tracestate": "x=y",
				"locale": "de",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := contrail.WithMetadata(t.Context(), contrail.Metadata{"locale": "de"})
			require.Equal(t, c.want, contrail.MetadataFrom(contrail.CausedBy(ctx, contrail.Recorded{ID: id, Metadata: c.event})))
		})
	}
}

// A tracestate belongs to its traceparent.
func TestCausedByTakesATraceContextAsAWhole(t *testing.T) {
	t.Parallel()
	ctx := contrail.WithMetadata(t.Context(), contrail.Metadata{"traceparent": "00-c-d-01", "tracestate": "other=1"})
	found := contrail.MetadataFrom(contrail.CausedBy(ctx, contrail.Recorded{Metadata: contrail.Metadata{"traceparent": "00-a-b-01"}}))
	require.Equal(t, "00-a-b-01", found["traceparent"])
	require.NotContains(t, found, "tracestate")
	require.Equal(t, "other=1", contrail.MetadataFrom(contrail.CausedBy(ctx, contrail.Recorded{}))["tracestate"])
}

// A map stays its owner's: what becomes of it later changes no ctx.
func TestMetadataInContextIsACopy(t *testing.T) {
	t.Parallel()
	metadata := contrail.Metadata{"tenant_id": "t1", "correlation_id": "c1"}
	caused := contrail.CausedBy(t.Context(), contrail.Recorded{Metadata: metadata})
	within := contrail.WithMetadata(t.Context(), metadata)
	metadata["tenant_id"] = "t2"
	delete(metadata, "correlation_id")
	for _, ctx := range []context.Context{caused, within} {
		require.Equal(t, "t1", contrail.MetadataFrom(ctx)["tenant_id"])
		require.Equal(t, "c1", contrail.MetadataFrom(ctx)["correlation_id"])
	}
	require.Empty(t, contrail.MetadataFrom(contrail.WithMetadata(t.Context(), nil)))
}

func ExampleWithMetadata() {
	// In a middleware of the service, once a request:
	ctx := contrail.WithMetadata(context.Background(), contrail.Metadata{
		contrail.KeyTenantID: "acme", contrail.KeyCorrelationID: "request-7",
	})
	// Every event that is appended with ctx carries it.
	fmt.Println(contrail.MetadataFrom(ctx))
	// Output: map[correlation_id:request-7 tenant_id:acme]
}
