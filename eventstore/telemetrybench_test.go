package eventstore_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// BenchmarkAppend is an append of one event, without its commit, and what telling of it costs: nothing where nobody wants to know.
func BenchmarkAppend(b *testing.B) {
	meter, tracer := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())), sdktrace.NewTracerProvider()
	for _, c := range []struct {
		name   string
		config eventstore.Config
	}{
		{"nobody", eventstore.Config{}},
		{"figures", eventstore.Config{Meter: meter}},
		{"figures and a span", eventstore.Config{Meter: meter, Tracer: tracer}},
	} {
		b.Run(c.name, func(b *testing.B) {
			store, err := eventstore.New(c.config)
			require.NoError(b, err)
			pool := pgtest.New(b)
			b.ReportAllocs()
			require.NoError(b, pgx.BeginFunc(b.Context(), pool, func(tx pgx.Tx) error {
				for b.Loop() {
					if _, err := store.Append(b.Context(), tx, contrail.NewStreamID("bench", "1"), eventstore.Any, happened("Appended")); err != nil {
						return err
					}
				}
				return nil
			}))
		})
	}
}
