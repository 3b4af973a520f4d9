package subscribers_test

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

const backlog = 50_000

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

// benchmark measures how long run takes to empty a backlog of events over 1,000 streams.
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
		require.NoError(b, w.js.DeleteConsumer(b.Context(), wire.DefaultStream, "test"))
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

func BenchmarkHandleTx(b *testing.B) {
	pool := pgtest.New(b)
	benchmark(b, func(w *world, all *countdown) func() {
		_, err := pool.Exec(b.Context(), `TRUNCATE contrail.inbox`)
		require.NoError(b, err)
		sub := w.subscribe(b, subscribers.Config{Inbox: subscribers.NewInbox(pool)})
		subscribers.HandleTx(sub, func(context.Context, pgx.Tx, contrail.Delivered[drafted]) error {
			all.one()
			return nil
		})
		return run(b, sub)
	})
}

// BenchmarkHandleTxOneByOne has a transaction an event.
func BenchmarkHandleTxOneByOne(b *testing.B) {
	pool := pgtest.New(b)
	benchmark(b, func(w *world, all *countdown) func() {
		_, err := pool.Exec(b.Context(), `TRUNCATE contrail.inbox`)
		require.NoError(b, err)
		sub := w.subscribe(b, subscribers.Config{Inbox: subscribers.NewInbox(pool), InboxBatch: 1})
		subscribers.HandleTx(sub, func(context.Context, pgx.Tx, contrail.Delivered[drafted]) error {
			all.one()
			return nil
		})
		return run(b, sub)
	})
}
