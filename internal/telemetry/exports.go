package telemetry

import (
	"cmp"
	"errors"
	"strings"
)

// exports tells which signals go out by the standard variables.
type exports struct {
	traces, metrics bool
}

// errPrometheusExporter says that there are two ways to one thing.
var errPrometheusExporter = errors.New(
	"OTEL_METRICS_EXPORTER is prometheus, which opens a listener of its own; say where to serve /metrics with --telemetry HOST:PORT, and leave the variable out")

// parseExports reads the variables. Nothing is exported unless an exporter is named, or an endpoint for one: nobody has asked for connections to localhost:4318.
func parseExports(getenv func(string) string) (exports, error) {
	if strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") {
		return exports{}, nil
	}
	metrics := getenv("OTEL_METRICS_EXPORTER")
	if metrics == "prometheus" {
		return exports{}, errPrometheusExporter
	}
	asked := func(exporter, endpoint string) bool {
		if exporter != "" {
			return exporter != "none"
		}
		return cmp.Or(getenv(endpoint), getenv("OTEL_EXPORTER_OTLP_ENDPOINT")) != ""
	}
	return exports{
		traces:  asked(getenv("OTEL_TRACES_EXPORTER"), "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
		metrics: asked(metrics, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"),
	}, nil
}
