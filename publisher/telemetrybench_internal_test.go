package publisher

import (
	"testing"
	"time"

	"github.com/google/uuid"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/contrail-events/contrail"
)

// BenchmarkTelemetry is what telling of a batch of 500 events costs the relay: nothing where nobody wants to know.
func BenchmarkTelemetry(b *testing.B) {
	const sampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	meter, tracer := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())), sdktrace.NewTracerProvider()
	for _, c := range []struct {
		name  string
		cfg   Config
		trace string // that the events carry
	}{
		{"nobody", Config{}, sampled},
		{"figures", Config{Meter: meter}, sampled},
		{"figures and spans of batches", Config{Meter: meter, Tracer: tracer}, sampled[:len(sampled)-1] + "0"},
		{"figures and spans of events", Config{Meter: meter, Tracer: tracer}, sampled},
	} {
		b.Run(c.name, func(b *testing.B) {
			told, err := newTelemetry(c.cfg.withDefaults(), true)
			if err != nil {
				b.Fatal(err)
			}
			one := &batch{sent: true, acknowledged: time.Now(), events: make([]contrail.Recorded, 500)}
			for n := range one.events {
				one.events[n] = contrail.Recorded{
					Position: contrail.Position(n + 1), ID: uuid.New(), Type: "Counted", RecordedAt: time.Now(), Metadata: contrail.Metadata{contrail.KeyTraceparent: c.trace},
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				ctx, ended := told.began(b.Context(), one)
				ended(nil)
				told.addPublished(ctx, one, clock{one.acknowledged})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(one.events)), "ns/event")
		})
	}
}

// BenchmarkLatencies is what the percentiles in the relay's row cost, for a batch of 500 events.
func BenchmarkLatencies(b *testing.B) {
	s := newStatistics(maxHeartbeat)
	one := &batch{acknowledged: time.Now(), events: make([]contrail.Recorded, 500)}
	for n := range one.events {
		one.events[n].RecordedAt = one.acknowledged.Add(-time.Duration(n) * time.Millisecond)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.addPublished(one, 500)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(one.events)), "ns/event")
}
