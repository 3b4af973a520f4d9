package eventstore

import (
	"context"
	"maps"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/contrail-events/contrail"
)

// surroundings is what ctx knows of who appends, for whom, and why: what was put there with [contrail.WithMetadata], and the trace
// context of OpenTelemetry's active span. What describes the data of one event says nothing of another's, even when somebody puts the whole
// metadata of a recorded event into ctx.
func surroundings(ctx context.Context) contrail.Metadata {
	metadata := contrail.MetadataFrom(ctx)
	delete(metadata, contrail.KeySchemaVersion)
	delete(metadata, contrail.KeySealedWith)
	if trace.SpanContextFromContext(ctx).IsValid() {
		delete(metadata, contrail.KeyTracestate) // belongs to the traceparent that is replaced
		propagation.TraceContext{}.Inject(ctx, propagation.MapCarrier(metadata))
	}
	return metadata
}

// surrounded is an event's own metadata with what the surroundings add to it. A trace context is taken as a whole or not at all.
func surrounded(own, around contrail.Metadata) contrail.Metadata {
	metadata := make(contrail.Metadata, len(own)+len(around))
	for key, value := range around {
		if key == contrail.KeyTracestate && own[contrail.KeyTraceparent] != "" {
			continue
		}
		metadata[key] = value
	}
	maps.Copy(metadata, own)
	return metadata
}
