package oteltest

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// Recorder has providers, and what came of them. It may be used from several goroutines.
type Recorder struct {
	Tracer *sdktrace.TracerProvider // that of a service: it records what its parent does, and what has no parent
	Meter  *sdkmetric.MeterProvider

	spans  *tracetest.InMemoryExporter
	reader *sdkmetric.ManualReader
}

// New returns an empty recorder for the length of the test. Each of opts may change the tracer's options.
func New(tb testing.TB, opts ...sdktrace.TracerProviderOption) *Recorder {
	tb.Helper()
	r := &Recorder{spans: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader()}
	r.Tracer = sdktrace.NewTracerProvider(append([]sdktrace.TracerProviderOption{sdktrace.WithSyncer(r.spans)}, opts...)...)
	r.Meter = sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.reader))
	tb.Cleanup(func() {
		ctx := context.WithoutCancel(tb.Context())
		require.NoError(tb, r.Tracer.Shutdown(ctx))
		require.NoError(tb, r.Meter.Shutdown(ctx))
	})
	return r
}

// Spans returns the spans of a name that have ended, in the order of their ends.
func (r *Recorder) Spans(name string) tracetest.SpanStubs {
	return slices.DeleteFunc(r.All(), func(span tracetest.SpanStub) bool { return span.Name != name })
}

// All returns all spans that have ended, in the order of their ends.
func (r *Recorder) All() tracetest.SpanStubs { return r.spans.GetSpans() }

// Value is the sum of a figure over all label sets that have the given labels, key and value in turn; of a histogram it is the number of its values.
// found tells whether there is any.
func (r *Recorder) Value(tb testing.TB, name string, labels ...string) (sum int64, found bool) {
	tb.Helper()
	for _, one := range r.points(tb, name) {
		if one.has(labels) {
			sum, found = sum+one.value, true
		}
	}
	return sum, found
}

// Count is Value where the figure must be there.
func (r *Recorder) Count(tb testing.TB, name string, labels ...string) int64 {
	tb.Helper()
	sum, found := r.Value(tb, name, labels...)
	require.True(tb, found, "nothing tells %s %v", name, labels)
	return sum
}

// Labels returns the keys of the labels that a figure has.
func (r *Recorder) Labels(tb testing.TB, name string) (keys []string) {
	tb.Helper()
	for _, one := range r.points(tb, name) {
		for _, label := range one.labels.ToSlice() {
			if !slices.Contains(keys, string(label.Key)) {
				keys = append(keys, string(label.Key))
			}
		}
	}
	slices.Sort(keys)
	return keys
}

// point is a figure with one set of labels.
type point struct {
	labels attribute.Set
	value  int64
}

func (p point) has(labels []string) bool {
	for i := 0; i+1 < len(labels); i += 2 {
		if value, found := p.labels.Value(attribute.Key(labels[i])); !found || value.AsString() != labels[i+1] {
			return false
		}
	}
	return true
}

func (r *Recorder) points(tb testing.TB, name string) (all []point) {
	tb.Helper()
	var told metricdata.ResourceMetrics
	require.NoError(tb, r.reader.Collect(context.WithoutCancel(tb.Context()), &told))
	for _, scope := range told.ScopeMetrics {
		for _, figure := range scope.Metrics {
			if figure.Name == name {
				all = append(all, pointsOf(figure.Data)...)
			}
		}
	}
	return all
}

func pointsOf(data metricdata.Aggregation) (all []point) {
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		for _, one := range data.DataPoints {
			all = append(all, point{one.Attributes, one.Value})
		}
	case metricdata.Gauge[int64]:
		for _, one := range data.DataPoints {
			all = append(all, point{one.Attributes, one.Value})
		}
	case metricdata.Histogram[float64]:
		for _, one := range data.DataPoints {
			all = append(all, point{one.Attributes, int64(one.Count)}) //nolint:gosec // a count
		}
	case metricdata.Histogram[int64]:
		for _, one := range data.DataPoints {
			all = append(all, point{one.Attributes, int64(one.Count)}) //nolint:gosec // likewise
		}
	}
	return all
}
