package publisher_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	wmsql "github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/components/forwarder"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// Both pipelines get the same backlog: what the stock one costs per event grows with it.
const (
	backlog    = 200_000   // of the stock pipeline, which takes a minute and more for it
	relayed    = 1_000_000 // of the relay, and of a publisher of ready-made messages
	eventBytes = 512
)

// benchStack is a database on a server of its own and a broker, both on disk.
func benchStack(tb testing.TB) (*pgxpool.Pool, jetstream.JetStream, *localstack.NATS) {
	tb.Helper()
	pool, err := pgxpool.New(tb.Context(), pgtest.Server(tb, localstack.PostgresConfig{}).URL())
	require.NoError(tb, err)
	tb.Cleanup(pool.Close)
	_, err = eventstore.Migrate(tb.Context(), pool)
	require.NoError(tb, err)
	js, server := natstest.JetStream(tb)
	return pool, js, server
}

// BenchmarkBacklog drains a backlog of 512-byte events, by the relay in a process of its own and by Watermill's stock parts
// (watermill-sql subscriber, forwarder, watermill-nats publisher with message ids), on the same servers in the same run.
//
//	go test ./publisher -run '^$' -bench Backlog -benchtime 1x
func BenchmarkBacklog(b *testing.B) {
	b.Run("stock", func(b *testing.B) {
		pool, js, server := benchStack(b)
		fillStock(b, pool)
		b.ResetTimer()
		for range b.N {
			began := time.Now()
			runStock(b, pool, js, server.URL())
			b.ReportMetric(backlog/time.Since(began).Seconds(), "events/s")
		}
	})
	b.Run("ready-made", func(b *testing.B) {
		for range b.N {
			benchReadyMade(b, relayed)
		}
	})
	b.Run("contrail", func(b *testing.B) {
		for range b.N {
			b.StopTimer()
			pool, js, server := benchStack(b)
			fill(b, pool, relayed)
			b.StartTimer()
			drainBacklog(b, pool, js, server.URL())
		}
	})
}

func fill(tb testing.TB, pool *pgxpool.Pool, n int) {
	tb.Helper()
	_, err := pool.Exec(tb.Context(), `INSERT INTO contrail.events (stream, version, type, data)
		SELECT 'bench-' || n % 1000, n / 1000 + 1, 'Filled', jsonb_build_object('text', repeat('x', $2))
		FROM generate_series(0, $1 - 1) n`, n, eventBytes-len(`{"text": ""}`))
	require.NoError(tb, err)
	_, err = pool.Exec(tb.Context(), `VACUUM ANALYZE contrail.events`)
	require.NoError(tb, err)
}

func drainBacklog(b *testing.B, pool *pgxpool.Pool, js jetstream.JetStream, natsURL string) {
	b.Helper()
	began := time.Now()
	process := startProcess(b, pool, natsURL, "default", 0)
	awaitSequence(b, js, "EVENTS", relayed)
	elapsed := time.Since(began)
	b.ReportMetric(relayed/elapsed.Seconds(), "events/s")
	b.ReportMetric(residentMiB(b, process.Process.Pid), "MiB-resident")
	require.NoError(b, process.Process.Kill())
	_ = process.Wait()
	report, err := publisher.Verify(b.Context(), pool, js, publisher.VerifyConfig{})
	require.NoError(b, err)
	require.True(b, report.OK, "%+v", report)
}

func awaitSequence(tb testing.TB, js jetstream.JetStream, name string, sequence uint64) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		stream, err := js.Stream(context.Background(), name)
		return err == nil && stream.CachedInfo().State.LastSeq >= sequence
	}, 5*time.Minute, 5*time.Millisecond)
}

// residentMiB is the most that a process has had in memory.
func residentMiB(tb testing.TB, pid int) float64 {
	tb.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(tb, err)
	for line := range bytes.Lines(status) {
		if peak, found := strings.CutPrefix(string(line), "VmHWM:"); found {
			kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(peak), "kB")), 64)
			require.NoError(tb, err)
			return kib / 1024
		}
	}
	return 0
}

const stockTopic = "stock"

func fillStock(tb testing.TB, pool *pgxpool.Pool) {
	tb.Helper()
	inner, err := wmsql.NewPublisher(stdlib.OpenDBFromPool(pool), wmsql.PublisherConfig{
		SchemaAdapter: wmsql.DefaultPostgreSQLSchema{}, AutoInitializeSchema: true,
	}, watermill.NopLogger{})
	require.NoError(tb, err)
	outbox := forwarder.NewPublisher(inner, forwarder.PublisherConfig{ForwarderTopic: "outbox"})
	messages := make([]*message.Message, backlog)
	for i := range messages {
		messages[i] = message.NewMessage(watermill.NewUUID(), bytes.Repeat([]byte("x"), eventBytes))
	}
	for chunk := range slices.Chunk(messages, 500) {
		require.NoError(tb, outbox.Publish(stockTopic, chunk...))
	}
}

func runStock(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream, natsURL string) {
	tb.Helper()
	_, err := js.CreateStream(tb.Context(), jetstream.StreamConfig{Name: "STOCK", Subjects: []string{stockTopic}, Storage: jetstream.FileStorage})
	require.NoError(tb, err)
	from, err := wmsql.NewSubscriber(stdlib.OpenDBFromPool(pool), wmsql.SubscriberConfig{
		SchemaAdapter: wmsql.DefaultPostgreSQLSchema{}, OffsetsAdapter: wmsql.DefaultPostgreSQLOffsetsAdapter{}, InitializeSchema: true,
	}, watermill.NopLogger{})
	require.NoError(tb, err)
	to, err := wmnats.NewPublisher(wmnats.PublisherConfig{URL: natsURL, JetStream: wmnats.JetStreamConfig{TrackMsgId: true}}, watermill.NopLogger{})
	require.NoError(tb, err)
	forward, err := forwarder.NewForwarder(from, to, watermill.NopLogger{}, forwarder.Config{ForwarderTopic: "outbox"})
	require.NoError(tb, err)
	ctx, cancel := context.WithCancel(tb.Context())
	ended := make(chan error, 1)
	go func() { ended <- forward.Run(ctx) }()
	awaitSequence(tb, js, "STOCK", backlog)
	cancel()
	require.NoError(tb, <-ended)
	require.NoError(tb, to.Close())
}

// BenchmarkCommitToPubAck measures how long a committed event takes to be acknowledged by the broker, at 100 and 1,000 events a second.
//
//	go test ./publisher -run '^$' -bench CommitToPubAck -benchtime 1x
func BenchmarkCommitToPubAck(b *testing.B) {
	for _, rate := range []int{100, 1000} {
		b.Run(strconv.Itoa(rate), func(b *testing.B) {
			pool, js, _ := benchStack(b)
			start(b, newRelay(b, pool, js, publisher.Config{}))
			for range b.N {
				reportLatencies(b, measureLatencies(b, pool, js, rate, 5*rate))
			}
		})
	}
}

// measureLatencies appends n events at a steady rate. What counts is the time from the return of the commit to the arrival of the message
// at a plain subscriber.
func measureLatencies(b *testing.B, pool *pgxpool.Pool, js jetstream.JetStream, rate, n int) []time.Duration {
	b.Helper()
	arrivals := make(chan time.Time, n)
	subscription, err := js.Conn().Subscribe("events.>", func(*nats.Msg) { arrivals <- time.Now() })
	require.NoError(b, err)
	defer func() { _ = subscription.Unsubscribe() }()
	require.NoError(b, js.Conn().Flush())
	commits := make([]time.Time, n)
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	defer ticker.Stop()
	for i := range n {
		<-ticker.C
		require.NoError(b, appendOne(b.Context(), pool, contrail.NewStreamID("latency", strconv.Itoa(i%100)), i))
		commits[i] = time.Now()
	}
	latencies := make([]time.Duration, n)
	for i := range n {
		latencies[i] = max(0, (<-arrivals).Sub(commits[i]))
	}
	return latencies
}

func reportLatencies(b *testing.B, latencies []time.Duration) {
	b.Helper()
	slices.Sort(latencies)
	for _, percentile := range []int{50, 99} {
		at := latencies[len(latencies)*percentile/100]
		b.ReportMetric(float64(at.Microseconds())/1000, fmt.Sprintf("p%d-ms", percentile))
	}
}
