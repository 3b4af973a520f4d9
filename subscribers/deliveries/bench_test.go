package deliveries_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// BenchmarkLedger sends deliveries that were planned before, a hundred an event, by an adapter that does nothing.
func BenchmarkLedger(b *testing.B) {
	for _, rules := range []int{0, 1} {
		b.Run(fmt.Sprintf("rules=%d", rules), func(b *testing.B) {
			const batch = 100
			var sent atomic.Int64
			done := make(chan struct{})
			f := newFixture(b, func(config *deliveries.Config) {
				for range rules {
					config.Rules = append(config.Rules, says(deliveries.Send()))
				}
			})
			f.answer(func(context.Context, deliveries.Delivery) (deliveries.Receipt, error) {
				if sent.Add(1) == int64(b.N) {
					close(done)
				}
				return deliveries.Receipt{}, nil
			})
			for planned := 0; planned < b.N; planned += batch {
				targets := make([]deliveries.Target, 0, batch)
				for i := range min(batch, b.N-planned) {
					targets = append(targets, deliveries.Target{Channel: "mail", Recipient: fmt.Sprintf("contact-%d", i)})
				}
				event := f.event()
				require.NoError(b, pgx.BeginFunc(b.Context(), f.pool, func(tx pgx.Tx) error { return f.ledger.Plan(b.Context(), tx, event, targets...) }))
			}
			f.exec(`VACUUM ANALYZE contrail.deliveries`)
			b.ResetTimer()
			stop := f.run(f.ledger)
			<-done
			stop()
			b.StopTimer()
			require.Equal(b, b.N, f.countWhere(`state = 'succeeded' AND attempts = 1`))
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}

// BenchmarkPlan plans one delivery in a transaction of its own.
func BenchmarkPlan(b *testing.B) {
	f := newFixture(b, nil)
	for b.Loop() {
		f.plan(f.event(), toAda())
	}
}
