package instrument

import "go.opentelemetry.io/otel/attribute"

// Operation is what is done to events, as OpenTelemetry's conventions for messaging name it.
type Operation struct {
	Name        string // the program's own word: append, publish, process, project
	Type        string // the conventions' word: create, send, process
	System      string // contrail for the store, nats for JetStream
	Destination string // a category, or a stream
}

// Attributes are those that every span of the operation has.
func (o Operation) Attributes(more ...attribute.KeyValue) []attribute.KeyValue {
	return append([]attribute.KeyValue{
		attribute.String("messaging.system", o.System),
		attribute.String("messaging.operation.name", o.Name),
		attribute.String("messaging.operation.type", o.Type),
		attribute.String("messaging.destination.name", o.Destination),
	}, more...)
}
