package oteltest

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// Attribute is what a span says of a key; nil: nothing.
func Attribute(span tracetest.SpanStub, key string) any {
	for _, one := range span.Attributes {
		if one.Key == attribute.Key(key) {
			return one.Value.AsInterface()
		}
	}
	return nil
}
