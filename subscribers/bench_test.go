package subscribers_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

const backlog = 200_000

// countdown closes done at zero.
type countdown struct {
	mu   sync.Mutex
	left int
	done chan struct{}
}

func newCountdown(n int) *countdown { return &countdown{left: n, done: make(chan struct{})} }

func (c *countdown) one() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left == 0 {
		close(c.done)
	}
}

// benchmark measures how long consume takes to empty a backlog of events over 1,000 streams.
//
//	go test ./subscribers -run '^$' -bench 'Bare|Stock|Handle' -benchtime 5x
func benchmark(b *testing.B, consume func(w *world, all *countdown) (stop func())) {
	b.Helper()
	w := newWorld(b)
	w.publishMany(b, backlog, 1000)
	for b.Loop() {
		all := newCountdown(backlog)
		stop := consume(w, all)
		<-all.done
		b.StopTimer()
		stop()
		if err := w.js.DeleteConsumer(b.Context(), wire.DefaultStream, "test"); !errors.Is(err, jetstream.ErrConsumerNotFound) { // the stock one does so itself
			require.NoError(b, err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.N*backlog)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkBareConsume is the ceiling: nats.go's Consume, an ack each, nothing decoded.
func BenchmarkBareConsume(b *testing.B) {
	benchmark(b, func(w *world, all *countdown) func() {
		consumer, err := w.js.CreateConsumer(b.Context(), wire.DefaultStream, jetstream.ConsumerConfig{
			Durable: "test", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 2048,
		})
		require.NoError(b, err)
		receiving, err := consumer.Consume(func(msg jetstream.Msg) {
			if msg.Ack() == nil {
				all.one()
			}
		})
		require.NoError(b, err)
		return receiving.Stop
	})
}

// BenchmarkBareConsumeDecoded decodes each event too.
func BenchmarkBareConsumeDecoded(b *testing.B) {
	benchmark(b, func(w *world, all *countdown) func() {
		consumer, err := w.js.CreateConsumer(b.Context(), wire.DefaultStream, jetstream.ConsumerConfig{
			Durable: "test", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 2048,
		})
		require.NoError(b, err)
		receiving, err := consumer.Consume(func(msg jetstream.Msg) {
			if _, err := wire.Decode(msg.Data()); err == nil && msg.Ack() == nil {
				all.one()
			}
		})
		require.NoError(b, err)
		return receiving.Stop
	})
}

func BenchmarkHandle(b *testing.B) {
	benchmark(b, func(w *world, all *countdown) func() {
		sub := w.subscribe(b, subscribers.Config{})
		subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error {
			all.one()
			return nil
		})
		return run(b, sub)
	})
}

// BenchmarkStock is watermill-nats' subscriber with synchronous acks, as its documentation sets it up, of which each message is acknowledged
// before the next one comes.
func BenchmarkStock(b *testing.B) {
	benchmark(b, func(w *world, all *countdown) func() {
		stock, err := wmnats.NewSubscriber(wmnats.SubscriberConfig{
			URL: w.server.URL(), Unmarshaler: subscribers.Unmarshaler{}, SubscribersCount: 1, QueueGroupPrefix: "test",
			SubjectCalculator: func(prefix, topic string) *wmnats.SubjectDetail {
				return &wmnats.SubjectDetail{Primary: topic, QueueGroup: prefix}
			},
			JetStream: wmnats.JetStreamConfig{DurablePrefix: "test", SubscribeOptions: []nats.SubOpt{nats.BindStream(wire.DefaultStream), nats.DeliverAll(), nats.AckExplicit()}},
		}, watermill.NopLogger{})
		require.NoError(b, err)
		messages, err := stock.Subscribe(b.Context(), "events.>")
		require.NoError(b, err)
		go func() {
			for msg := range messages {
				msg.Ack()
				all.one()
			}
		}()
		return func() { require.NoError(b, stock.Close()) }
	})
}

// BenchmarkInbox compares one transaction for each event with up to 256 events in one, over the same eight connections, on a database server that
// waits for its disk. commit_delay stands for slower disks than the one at hand.
//
//	go test ./subscribers -run '^$' -bench Inbox -benchtime 1x
func BenchmarkInbox(b *testing.B) {
	for _, disk := range []struct{ name, delay string }{{"as it is", "0"}, {"0.5 ms more", "500"}, {"2 ms more", "2000"}} {
		pool, err := pgxpool.New(b.Context(), pgtest.Server(b, localstack.PostgresConfig{Durable: true, Settings: map[string]string{
			"commit_delay": disk.delay, "commit_siblings": "0",
		}}).URL())
		require.NoError(b, err)
		b.Cleanup(pool.Close)
		_, err = eventstore.Migrate(b.Context(), pool)
		require.NoError(b, err)
		for name, batch := range map[string]int{"one by one": 1, "together": 256} {
			b.Run(disk.name+"/"+name, func(b *testing.B) {
				benchmark(b, func(w *world, all *countdown) func() { return consumeInTx(b, w, pool, batch, all) })
			})
		}
	}
}

func consumeInTx(b *testing.B, w *world, pool *pgxpool.Pool, batch int, all *countdown) (stop func()) {
	b.Helper()
	_, err := pool.Exec(b.Context(), `TRUNCATE contrail.inbox`)
	require.NoError(b, err)
	sub := w.subscribe(b, subscribers.Config{Inbox: subscribers.NewInbox(pool), InboxBatch: batch})
	subscribers.HandleTx(sub, func(context.Context, pgx.Tx, contrail.Delivered[drafted]) error {
		all.one()
		return nil
	})
	return run(b, sub)
}

// BenchmarkWaiting has a million events wait for a process of its own, and tells how much memory that takes to handle them.
//
//	go test ./subscribers -run '^$' -bench Waiting -benchtime 1x
func BenchmarkWaiting(b *testing.B) {
	const waiting = 1_000_000
	for range b.N {
		b.StopTimer()
		w := newWorld(b)
		w.publishMany(b, waiting, 1000)
		b.StartTimer()
		began := time.Now()
		child := exec.CommandContext(b.Context(), os.Args[0])
		child.Env = append(os.Environ(), roleVariable+"=waiting", brokerVariable+"="+w.server.URL())
		child.Stderr = os.Stderr
		require.NoError(b, child.Start())
		require.Eventually(b, func() bool {
			consumer, err := w.js.Consumer(b.Context(), wire.DefaultStream, "test")
			return err == nil && consumer.CachedInfo().AckFloor.Stream == waiting
		}, 5*time.Minute, 10*time.Millisecond)
		b.ReportMetric(waiting/time.Since(began).Seconds(), "events/s")
		b.ReportMetric(peakMiB(b, child.Process.Pid), "MiB-resident")
		require.NoError(b, child.Process.Kill())
		_ = child.Wait()
	}
}

// peakMiB is the most that a process has had in memory.
func peakMiB(tb testing.TB, pid int) float64 {
	tb.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(tb, err)
	_, peak, found := strings.Cut(string(status), "VmHWM:")
	require.True(tb, found)
	kib, err := strconv.ParseFloat(strings.Fields(peak)[0], 64)
	require.NoError(tb, err)
	return kib / 1024
}

func runWaiting(js jetstream.JetStream) error {
	sub, err := subscribers.New(js, subscribers.Config{Durable: "test"})
	if err != nil {
		return err
	}
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error { return nil })
	return sub.Run(context.Background())
}
