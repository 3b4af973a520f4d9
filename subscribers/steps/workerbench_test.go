package steps_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// BenchmarkWorker is of runs of five steps, each of which writes a row, by one worker that finds all of them due.
//
//	go test ./subscribers/steps -run '^$' -bench Worker -benchtime 10000x
func BenchmarkWorker(b *testing.B) {
	pool := benchPool(b)
	_, err := pool.Exec(b.Context(), `CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY, run text NOT NULL, effect text NOT NULL)`)
	require.NoError(b, err)
	list := make([]steps.Step, 5)
	for n := range list {
		list[n] = tx(fmt.Sprintf("step %d", n), fine)
	}
	worker := newWorker(b, pool, steps.WorkerConfig{Concurrency: 16}, steps.Workflow{Name: "five", Steps: list})
	var started int
	for b.Loop() {
		started++
		begin(b, pool, worker, "five", fmt.Sprintf("bench/%d", started))
	}
	began := time.Now()
	stop := work(b, worker)
	for left := 1; left > 0; <-time.After(10 * time.Millisecond) {
		require.NoError(b, pool.QueryRow(b.Context(), `SELECT count(*) FROM contrail.runs WHERE due_at IS NOT NULL`).Scan(&left))
	}
	b.ReportMetric(float64(started)/time.Since(began).Seconds(), "runs/s")
	stop()
}
