package telemetry

import (
	"context"
	"fmt"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// newTracer exports spans by the standard variables, which choose the exporter, the sampler (OTEL_TRACES_SAMPLER) and how much is kept for it (OTEL_BSP_*).
func newTracer(ctx context.Context, of *resource.Resource) (*sdktrace.TracerProvider, error) {
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("export traces: %w; correct OTEL_TRACES_EXPORTER and OTEL_EXPORTER_OTLP_*", err)
	}
	return sdktrace.NewTracerProvider(sdktrace.WithResource(of), sdktrace.WithBatcher(exporter)), nil
}
