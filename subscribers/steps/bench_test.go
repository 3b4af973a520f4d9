package steps_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// benchPool is of a cluster that waits for its disk with each commit.
func benchPool(b *testing.B) *pgxpool.Pool {
	b.Helper()
	config, err := pgxpool.ParseConfig(pgtest.Server(b, localstack.PostgresConfig{Durable: true}).URL())
	require.NoError(b, err)
	config.MaxConns = 20
	pool, err := pgxpool.NewWithConfig(b.Context(), config)
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	_, err = eventstore.Migrate(b.Context(), pool)
	require.NoError(b, err)
	return pool
}

// BenchmarkRuns is of runs of five steps, each of which writes a row, by sixteen goroutines on two processors.
//
//	go test ./subscribers/steps -run '^$' -bench Runs -benchtime 10000x
func BenchmarkRuns(b *testing.B) {
	pool := benchPool(b)
	_, err := pool.Exec(b.Context(), `CREATE TABLE effects (run text, step text, PRIMARY KEY (run, step))`)
	require.NoError(b, err)
	runner, err := steps.New(pool, steps.Options{})
	require.NoError(b, err)
	list := make([]steps.Step, 5)
	for i := range list {
		list[i] = steps.Tx(fmt.Sprintf("step %d", i), func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
			_, err := tx.Exec(ctx, `INSERT INTO effects VALUES ($1, $2)`, run.RunKey(), run.Step())
			return err
		})
	}
	var number atomic.Int64
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := runner.Run(b.Context(), fmt.Sprintf("bench/%d", number.Add(1)), nil, list...); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
}
