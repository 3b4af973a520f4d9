package subscribers

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/attempts"
)

// BenchmarkTelemetry is what telling of a delivery costs: next to nothing where nobody wants to know.
func BenchmarkTelemetry(b *testing.B) {
	const sampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	meter, tracer := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())), sdktrace.NewTracerProvider()
	for _, c := range []struct {
		name   string
		config Config
		trace  string // that the event carries
	}{
		{"nobody", Config{}, sampled},
		{"figures", Config{Meter: meter}, sampled},
		{"figures and a span that is not recorded", Config{Meter: meter, Tracer: tracer}, sampled[:len(sampled)-1] + "0"},
		{"figures and a span", Config{Meter: meter, Tracer: tracer}, sampled},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.config.Durable = "test"
			sub, err := New(nil, c.config)
			if err != nil {
				b.Fatal(err)
			}
			s := &session{Subscription: sub}
			event := contrail.Recorded{ID: uuid.New(), Type: "Counted", RecordedAt: time.Now(), Metadata: contrail.Metadata{contrail.KeyTraceparent: c.trace}}
			d := &delivery{meta: &jetstream.MsgMetadata{NumDelivered: 1}, about: about{event.ID, 1, event.RecordedAt}}
			b.ReportAllocs()
			for b.Loop() {
				s.telemetry.begin(b.Context(), d, event)
				s.settled(b.Context(), d, attempts.Handled, nil)
			}
		})
	}
}
