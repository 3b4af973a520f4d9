package eventstore_test

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// BenchmarkWake measures how long after its commit was asked for an event is in the hands of a reader that slept until then: the median, and
// what one in a hundred exceeds.
//
//	go test ./eventstore -run '^$' -bench Wake -benchtime 500x
func BenchmarkWake(b *testing.B) {
	pool := pgtest.New(b)
	reader := startReader(b, pool, eventstore.Notify(time.Minute))
	writer := connect(b, pool)
	store := newStore(b)
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		awaitAsleep(b, pool, reader)
		tx, err := writer.BeginTx(b.Context(), pgx.TxOptions{})
		require.NoError(b, err)
		_, err = store.Append(b.Context(), tx, invoice42, eventstore.Any, happened("A"))
		require.NoError(b, err)
		b.StartTimer()
		began := time.Now()
		require.NoError(b, tx.Commit(b.Context()))
		took = append(took, (<-reader.found).Sub(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms/p99")
}
