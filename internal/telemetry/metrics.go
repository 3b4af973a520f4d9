package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/contrib/instrumentation/runtime"
	promexporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

// maxSeries bounds the label sets of one instrument; what goes beyond counts under the label otel_metric_overflow.
const maxSeries = 2000

// newMeter makes a provider whose figures go to the registry, if there is one, and out by the standard variables, if push says so.
func newMeter(ctx context.Context, of *resource.Resource, registry *prometheus.Registry, push bool) (*sdkmetric.MeterProvider, error) {
	options := []sdkmetric.Option{sdkmetric.WithResource(of), sdkmetric.WithView(view), sdkmetric.WithCardinalityLimit(maxSeries)}
	if registry != nil {
		reader, err := promexporter.New(promexporter.WithRegisterer(registry), promexporter.WithoutScopeInfo())
		if err != nil {
			return nil, fmt.Errorf("tell metrics to Prometheus: %w", err)
		}
		options = append(options, sdkmetric.WithReader(reader))
	}
	if push {
		reader, err := autoexport.NewMetricReader(ctx)
		if err != nil {
			return nil, fmt.Errorf("export metrics: %w; correct OTEL_METRICS_EXPORTER and OTEL_EXPORTER_OTLP_*", err)
		}
		options = append(options, sdkmetric.WithReader(reader))
	}
	provider := sdkmetric.NewMeterProvider(options...)
	if push && registry == nil { // a registry has Go's figures by Prometheus' own names
		if err := runtime.Start(runtime.WithMeterProvider(provider), runtime.WithMinimumReadMemStatsInterval(15*time.Second)); err != nil {
			return nil, fmt.Errorf("tell metrics of the Go runtime: %w", err)
		}
	}
	return provider, nil
}

// newRegistry is one of this process's own, with the figures of Go, of the process, and of the build.
func newRegistry(cfg Config) (*prometheus.Registry, error) {
	registry := prometheus.NewRegistry()
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "contrail_build_info", Help: "Always 1: which version of the program this is.",
	}, []string{"version"})
	build.WithLabelValues(cfg.Version).Set(1)
	err := errors.Join(
		registry.Register(collectors.NewGoCollector()), registry.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})), registry.Register(build))
	if err != nil {
		return nil, fmt.Errorf("collect metrics of the process: %w", err)
	}
	return registry, nil
}
