package instrument

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/contrail-events/contrail"
)

// MaxLinks is how many links a span takes by the SDK's own limit; it drops the oldest of more.
const MaxLinks = 128

// SpanContext is the trace context that an event's metadata carry, whatever ctx has; it is not valid where they carry none.
func SpanContext(ctx context.Context, metadata contrail.Metadata) trace.SpanContext {
	if metadata[contrail.KeyTraceparent] == "" {
		return trace.SpanContext{}
	}
	none := trace.ContextWithSpanContext(ctx, trace.SpanContext{})
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(none, propagation.MapCarrier(metadata)))
}

// IsSampled tells whether an event's own trace is recorded, by a look at one value: 55 characters of which the last tells.
func IsSampled(metadata contrail.Metadata) bool {
	const length = len("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	parent := metadata[contrail.KeyTraceparent]
	if len(parent) != length {
		return false
	}
	switch parent[length-1] {
	case '1', '3', '5', '7', '9', 'b', 'd', 'f':
		return true
	}
	return false
}

// Links are links to the spans that appended the events, each once, in their order and at most [MaxLinks]: of those whose trace is recorded.
func Links[T any](ctx context.Context, events []T, metadata func(T) contrail.Metadata) []trace.Link {
	var links []trace.Link
	for _, event := range events {
		about := metadata(event)
		if !IsSampled(about) {
			continue
		}
		to := SpanContext(ctx, about)
		if !to.IsValid() || len(links) > 0 && links[len(links)-1].SpanContext.Equal(to) { // events of one append stand together
			continue
		}
		if links = append(links, trace.Link{SpanContext: to}); len(links) == MaxLinks {
			break
		}
	}
	return links
}
