package telemetry

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
)

// newResource says whose traces and metrics these are. The environment has the last word.
func newResource(ctx context.Context, cfg Config) (*resource.Resource, error) {
	found, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", cfg.Service), attribute.String("service.version", cfg.Version)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithProcessPID(), resource.WithProcessRuntimeVersion(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("describe the process to OpenTelemetry: %w; correct OTEL_RESOURCE_ATTRIBUTES", err)
	}
	return found, nil
}
