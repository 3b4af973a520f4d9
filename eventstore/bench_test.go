package eventstore_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/pgtest"
)

const (
	benchWriters = 16
	benchRounds  = 5
	benchSlice   = 2 * time.Second
)

// variant is the same table, and what one commit costs there.
type variant struct {
	name      string
	prepare   string // what makes it
	statement string
}

// BenchmarkAppendCost lets sixteen writers insert one event a transaction into the same table: without the trigger, with it, and with a NOTIFY
// in every commit instead, to one connection that listens. The three take turns, for two seconds each, so that a noisy machine is noisy for
// all of them. What a NOTIFY costs depends on how long the disk takes to flush, since it makes commits queue instead of sharing a flush:
// commit_delay stands for slower disks than the one at hand.
//
//	go test ./eventstore -run '^$' -bench AppendCost -benchtime 1x
func BenchmarkAppendCost(b *testing.B) {
	const insert = `INSERT INTO contrail.events (stream, version, type, data, metadata) VALUES ($1, $2, 'Appended', $3, '{"tenant_id":"t1"}')`
	variants := []variant{
		{"no-trigger", `ALTER TABLE contrail.events DISABLE TRIGGER events_promise`, insert},
		{"contrail", `ALTER TABLE contrail.events ENABLE ALWAYS TRIGGER events_promise`, insert},
		{"notify", `ALTER TABLE contrail.events DISABLE TRIGGER events_promise`, `WITH event AS (` + insert + `) SELECT pg_notify('bench', '')`},
	}
	for _, disk := range []struct{ name, microseconds string }{{"as-it-is", "0"}, {"0.2ms-slower", "200"}, {"0.5ms-slower", "500"}} {
		b.Run("disk="+disk.name, func(b *testing.B) {
			pool := benchPool(b, localstack.PostgresConfig{Durable: true, Settings: map[string]string{
				"shared_buffers": "512MB", "max_wal_size": "8GB", "commit_delay": disk.microseconds, "commit_siblings": "0",
			}})
			listen(b, pool, "bench")
			for range b.N {
				totals := map[string]float64{}
				for round := range benchRounds {
					for _, v := range variants {
						_, err := pool.Exec(b.Context(), v.prepare)
						require.NoError(b, err)
						totals[v.name] += appendRate(b, pool, fmt.Sprintf("%s-%d", v.name, round), v.statement) / benchRounds
					}
				}
				for _, v := range variants {
					b.ReportMetric(totals[v.name], v.name+"-events/s")
				}
				b.ReportMetric(totals["contrail"]/totals["no-trigger"], "of-no-trigger")
				b.ReportMetric(totals["contrail"]/totals["notify"], "times-notify")
			}
		})
	}
}

// listen receives what is notified on a channel until the benchmark ends.
func listen(tb testing.TB, pool *pgxpool.Pool, channel string) {
	tb.Helper()
	conn := connect(tb, pool)
	_, err := conn.Exec(tb.Context(), `LISTEN `+channel)
	require.NoError(tb, err)
	go func() {
		for err := error(nil); err == nil; {
			_, err = conn.WaitForNotification(tb.Context())
		}
	}()
}

func benchPool(tb testing.TB, config localstack.PostgresConfig) *pgxpool.Pool {
	tb.Helper()
	settings, err := pgxpool.ParseConfig(pgtest.Server(tb, config).URL())
	require.NoError(tb, err)
	settings.MaxConns = benchWriters + 4
	pool, err := pgxpool.NewWithConfig(tb.Context(), settings)
	require.NoError(tb, err)
	tb.Cleanup(pool.Close)
	_, err = eventstore.Migrate(tb.Context(), pool)
	require.NoError(tb, err)
	return pool
}

// appendRate is the commits a second that the writers reach together.
func appendRate(tb testing.TB, pool *pgxpool.Pool, run, statement string) float64 {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), benchSlice)
	defer cancel()
	data := `{"text":"` + strings.Repeat("x", 500) + `"}`
	var commits atomic.Int64
	var writers sync.WaitGroup
	began := time.Now()
	for writer := range benchWriters {
		writers.Go(func() {
			stream := fmt.Sprintf("bench-%s-%d", run, writer)
			for version := int64(1); ctx.Err() == nil; version++ {
				if _, err := pool.Exec(context.WithoutCancel(ctx), statement, stream, version, data); err != nil {
					tb.Errorf("insert: %v", err)
					return
				}
				commits.Add(1)
			}
		})
	}
	writers.Wait()
	return float64(commits.Load()) / time.Since(began).Seconds()
}

// BenchmarkFeed reads the last hundred thousand events of a store that holds a hundred thousand, a million, and with CONTRAIL_LONG=1 ten
// million: what an event costs must not depend on it.
//
//	CONTRAIL_LONG=1 go test ./eventstore -run '^$' -bench Feed -benchtime 3x -timeout 30m
func BenchmarkFeed(b *testing.B) {
	const read = 100_000
	sizes := []int64{100_000, 1_000_000}
	if os.Getenv("CONTRAIL_LONG") != "" {
		sizes = append(sizes, 10_000_000)
	}
	pool := benchPool(b, localstack.PostgresConfig{Settings: map[string]string{"shared_buffers": "512MB", "max_wal_size": "8GB"}})
	filled := int64(0)
	for _, size := range sizes {
		b.Run(strconv.FormatInt(size, 10), func(b *testing.B) {
			fillTo(b, pool, filled, size)
			filled = size
			conn := connect(b, pool)
			b.ReportAllocs()
			for b.Loop() {
				feed, err := eventstore.NewFeed(conn, eventstore.FeedConfig{After: contrail.Position(size - read)})
				require.NoError(b, err)
				count := 0
				for {
					events, err := feed.Next(b.Context())
					require.NoError(b, err)
					if len(events) == 0 {
						break
					}
					count += len(events)
				}
				require.Equal(b, read, count)
			}
			b.ReportMetric(float64(read)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// fillTo inserts events of 512 bytes until there are so many.
func fillTo(tb testing.TB, pool *pgxpool.Pool, from, to int64) {
	tb.Helper()
	for ; from < to; from += 100_000 {
		_, err := pool.Exec(tb.Context(), `INSERT INTO contrail.events (stream, version, type, data)
			SELECT 'bench-' || n, 1, 'Filled', jsonb_build_object('text', repeat('x', 500)) FROM generate_series($1::bigint, $1 + 99999) n`, from)
		require.NoError(tb, err)
	}
	_, err := pool.Exec(tb.Context(), `VACUUM (FREEZE, ANALYZE) contrail.events`, pgx.QueryExecModeSimpleProtocol)
	require.NoError(tb, err)
}
