package api

import (
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// traced makes a span of each request, as a child of the trace context that it brings (W3C), which the event store puts into the metadata of what
// is appended. The answer tells the context: as traceresponse, which is the draft standard's name for it, and as traceparent.
func traced(next http.Handler, provider trace.TracerProvider) http.Handler {
	if provider == nil {
		provider = noop.NewTracerProvider() // passes on what came in
	}
	told := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		carrier := propagation.MapCarrier{}
		propagation.TraceContext{}.Inject(r.Context(), carrier)
		if parent := carrier.Get("traceparent"); parent != "" {
			w.Header().Set("Traceparent", parent)
			w.Header().Set("Traceresponse", parent)
		}
		next.ServeHTTP(w, r)
	})
	return otelhttp.NewHandler(told, "contrail serve",
		otelhttp.WithTracerProvider(provider), otelhttp.WithMeterProvider(metricnoop.NewMeterProvider()), otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithFilter(func(r *http.Request) bool { return !isProbe(r) }))
}
