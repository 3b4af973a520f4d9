package subscribers_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
)

const countersSQL = `CREATE SCHEMA model; CREATE TABLE model.counters (stream text PRIMARY KEY, events bigint NOT NULL) WITH (fillfactor = 50)`

// BenchmarkProjection has one upsert of a counter an event, 50,000 events over 1,000 streams, sent as a pipeline.
func BenchmarkProjection(b *testing.B) {
	benchmarkProjection(b, func(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
		batch := &pgx.Batch{}
		for _, e := range events {
			batch.Queue(countSQL, e.Stream.String())
		}
		return tx.SendBatch(ctx, batch).Close()
	})
}

// BenchmarkProjectionGrouped adds up in the process, and has one statement a batch: an upsert of a counter a stream.
func BenchmarkProjectionGrouped(b *testing.B) {
	benchmarkProjection(b, func(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
		counts := map[string]int64{}
		for _, e := range events {
			counts[e.Stream.String()]++
		}
		streams, numbers := make([]string, 0, len(counts)), make([]int64, 0, len(counts))
		for stream, number := range counts {
			streams, numbers = append(streams, stream), append(numbers, number)
		}
		_, err := tx.Exec(ctx, `INSERT INTO counters AS c SELECT * FROM unnest($1::text[], $2::bigint[])
			ON CONFLICT (stream) DO UPDATE SET events = c.events + excluded.events`, streams, numbers)
		return err
	})
}

func benchmarkProjection(b *testing.B, project subscribers.ProjectFunc) {
	b.Helper()
	w, pool := newWorld(b), pgtest.New(b)
	_, err := pool.Exec(b.Context(), countersSQL)
	require.NoError(b, err)
	w.publishMany(b, backlog, 1000)
	for b.Loop() {
		b.StopTimer()
		_, err := pool.Exec(b.Context(), `DELETE FROM contrail.projections; TRUNCATE model.counters`)
		require.NoError(b, err)
		all := newCountdown(backlog)
		projection := w.projection(b, pool, subscribers.ProjectionConfig{Tables: []string{"model.counters"}},
			func(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
				err := project(ctx, tx, events)
				for range events {
					all.one()
				}
				return err
			})
		b.StartTimer()
		stop := run(b, projection)
		<-all.done
		b.StopTimer()
		stop()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.N*backlog)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkRebuild rebuilds what BenchmarkProjection builds, in an idle projection.
func BenchmarkRebuild(b *testing.B) {
	w := &storedWorld{world: newWorld(b), pool: pgtest.New(b)}
	w.exec(b, countersSQL)
	w.exec(b, `INSERT INTO contrail.events (stream, version, type, data)
		SELECT 'invoice-' || n % 1000, n / 1000 + 1, 'InvoiceDrafted', '{"n": 1}' FROM generate_series(0, $1::int - 1) n`, backlog)
	w.publishMany(b, backlog, 1000)
	run(b, w.projection(b, w.pool, subscribers.ProjectionConfig{Tables: []string{"model.counters"}},
		func(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
			batch := &pgx.Batch{}
			for _, e := range events {
				batch.Queue(countSQL, e.Stream.String())
			}
			return tx.SendBatch(ctx, batch).Close()
		}))
	w.reaches(b, w.pool)
	for b.Loop() {
		w.awaitDone(b, w.ask(b))
	}
	b.ReportMetric(float64(b.N*backlog)/b.Elapsed().Seconds(), "events/s")
}
