package subscribers_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// Members start and stop all the time, and give back what they hold: without an inbox, too, each event succeeds once, in order, and never beside
// another of its stream.
func TestPartitionsStartStopStress(t *testing.T) {
	t.Parallel()
	const count, streams, members, rounds = 1500, 30, 3, 6
	w := newWorld(t)
	w.publishMany(t, count, streams)
	observed := newOrder()
	handle := func(ctx context.Context, e contrail.Delivered[drafted]) (err error) {
		observed.begin(e)
		defer func() { observed.end(e, err == nil) }()
		if e.Delivery.Attempt <= failures(e.Position) {
			return errBroken
		}
		return ctx.Err()
	}
	var running sync.WaitGroup
	for range members {
		sub := w.member(t, divided())
		subscribers.Handle(sub, handle)
		running.Go(func() {
			for range rounds {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(50+rand.IntN(200))*time.Millisecond)
				if err := sub.Run(ctx); err != nil {
					t.Errorf("Run: %v", err)
				}
				cancel()
			}
		})
	}
	running.Wait()
	last := w.member(t, divided())
	subscribers.Handle(last, handle)
	run(t, last)
	eventually(t, func() bool { observed.mu.Lock(); defer observed.mu.Unlock(); return observed.success == count })
	w.dry(t)
	observed.check(t, count)
	require.Empty(t, w.deadLetters(t))
}

// steal takes an event of a partition as somebody would who does not know that the partition is not his any more.
func (w *world) steal(tb testing.TB, partition string) {
	tb.Helper()
	consumer, err := w.js.Consumer(tb.Context(), "EVENTS_test", "test_"+partition)
	require.NoError(tb, err)
	batch, err := consumer.Fetch(1, jetstream.FetchMaxWait(patience))
	require.NoError(tb, err)
	receive(tb, batch.Messages())
}

// one is a configuration with one partition, so that a test knows where its events are.
func one() subscribers.Config {
	config := divided()
	config.Partitions = 1
	return config
}

// What the former owner of a partition has in hand goes before all that comes later in its stream.
func TestPartitionsWaitForTheirFormerOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var got numbers
	stop := w.divide(t, one(), &got)
	w.publish(t, "invoice-0", drafted{N: 0})
	got.await(t, 0)
	w.dry(t)
	stop()
	w.publish(t, "invoice-1", drafted{N: 1})
	w.steal(t, "0")
	w.publish(t, "invoice-1", drafted{N: 2})
	w.publish(t, "invoice-2", drafted{N: 3})
	w.divide(t, one(), &got)
	got.await(t, 0, 1, 2, 3)
	require.Less(t, got.place(1), got.place(2))
}

func (n *numbers) place(wanted int) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, number := range n.all {
		if number == wanted {
			return i
		}
	}
	return -1
}

// An event goes to somebody who is not the owner: those that follow wait for it.
func TestPartitionsWaitForWhatWentElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var got numbers
	l := newLog()
	config := one()
	config.Logger = l.logger()
	w.divide(t, config, &got)
	w.publish(t, "invoice-1", drafted{N: 1})
	got.await(t, 1)
	stolen := make(chan int, 1)
	go func() {
		consumer, err := w.js.Consumer(t.Context(), "EVENTS_test", "test_0")
		if err != nil {
			return
		}
		batch, err := consumer.Fetch(1, jetstream.FetchMaxWait(patience))
		if err != nil {
			return
		}
		for msg := range batch.Messages() {
			meta, err := msg.Metadata()
			if err == nil { // as published: each event has one copy
				stolen <- int(meta.Sequence.Stream)
			}
		}
	}()
	eventually(t, func() bool { return w.waiting(t, "test_0") == 2 })
	const last = 40
	for n := 2; n <= last; n++ {
		w.publish(t, "invoice-1", drafted{N: n})
	}
	which := receive(t, stolen)
	l.await(t, "was delivered to somebody else")
	eventually(t, func() bool { return got.place(last) >= 0 })
	require.Less(t, got.place(which), got.place(which+1), "event %d was stolen", which)
	require.IsIncreasing(t, got.all)
}

// waiting is how many pulls a partition's consumer has.
func (w *world) waiting(tb testing.TB, consumer string) int {
	tb.Helper()
	found, err := w.js.Consumer(tb.Context(), "EVENTS_test", consumer)
	require.NoError(tb, err)
	return found.CachedInfo().NumWaiting
}

// A retry that is far off holds up its own stream, and no other, whoever owns the partition.
func TestPartitionsHandOverRetriesThatAreFarOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var got numbers
	failed := make(chan struct{}, 1)
	join := func() (stop func()) {
		sub := w.member(t, one())
		subscribers.Handle(sub, func(ctx context.Context, e contrail.Delivered[drafted]) error {
			if e.Data.N == 1 && e.Delivery.Attempt == 1 {
				defer func() { failed <- struct{}{} }()
				return contrail.RetryAfter(7*time.Second, errBroken)
			}
			return got.handle(ctx, e)
		})
		return run(t, sub)
	}
	first := join()
	w.publish(t, "invoice-1", drafted{N: 1})
	receive(t, failed)
	began := time.Now()
	w.publish(t, "invoice-1", drafted{N: 2})
	w.publish(t, "invoice-2", drafted{N: 3})
	got.await(t, 3)
	first()
	second := join()
	w.publish(t, "invoice-2", drafted{N: 4})
	got.await(t, 3, 4)
	second()
	join()
	w.publish(t, "invoice-2", drafted{N: 5})
	got.await(t, 3, 4, 5)
	require.Less(t, time.Since(began), 6*time.Second, "the machine is too slow for this test")
	eventually(t, func() bool { return got.place(2) >= 0 })
	require.Less(t, got.place(1), got.place(2))
	require.GreaterOrEqual(t, time.Since(began), 6*time.Second)
	require.Empty(t, w.notes(t))
}

// notes are the keys of retries that are far off.
func (w *world) notes(tb testing.TB) (keys []string) {
	tb.Helper()
	kv, err := w.js.KeyValue(tb.Context(), subscribers.MemberBucket("EVENTS", "test"))
	require.NoError(tb, err)
	lister, err := kv.ListKeysFiltered(tb.Context(), "retry.>")
	require.NoError(tb, err)
	for key := range lister.Keys() {
		keys = append(keys, key)
	}
	return keys
}

// A dead letter is one of the event where the relay put it, and can be requeued.
func TestPartitionsBuryTheEventItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "order-1", issued{})
	event := w.publish(t, "invoice-1", drafted{N: 7})
	config := divided()
	config.Categories = []string{"invoice"}
	var healthy atomic.Bool
	sub := w.member(t, config)
	handled := make(chan contrail.Delivery, 1)
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		if !healthy.Load() {
			return contrail.Permanent(errBroken)
		}
		handled <- e.Delivery
		return nil
	})
	run(t, sub)
	eventually(t, func() bool { return sub.Stats().DeadLettered == 1 })
	letter := w.deadLetters(t)[0]
	require.Equal(t, "EVENTS events.invoice.1.InvoiceDrafted 2 test "+event.ID.String(),
		letter.Stream+" "+letter.Subject+" "+strconv.FormatUint(letter.Sequence, 10)+" "+letter.Consumer+" "+letter.MsgID)
	w.dry(t)
	healthy.Store(true)
	_, err := w.js.PublishMsg(t.Context(), letter.Requeue("DEADLETTERS"))
	require.NoError(t, err)
	require.Equal(t, contrail.Delivery{Consumer: "test", Sequence: 2, Attempt: 1, Source: source}, receive(t, handled))
}
