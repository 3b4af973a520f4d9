package subscribers_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// The delays are those of the schedule, none shorter; the last one counts for all that follow.
func TestBackoffSchedule(t *testing.T) {
	t.Parallel()
	schedule := []time.Duration{50 * time.Millisecond, 400 * time.Millisecond, 0, 200 * time.Millisecond}
	w, logged := newWorld(t), newLog()
	sub := w.subscribe(t, subscribers.Config{
		MaxDeliver: 6, Backoff: subscribers.Backoff{Min: time.Hour, Max: time.Hour, Schedule: schedule}, Logger: logged.logger(),
	})
	at := make(chan time.Time, 9)
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error {
		at <- time.Now()
		return errBroken
	})
	w.publish(t, "invoice-1", drafted{})
	run(t, sub)
	before := receive(t, at)
	for _, delay := range append(schedule, schedule[len(schedule)-1]) {
		logged.await(t, "after="+delay.String())
		next := receive(t, at)
		require.GreaterOrEqual(t, next.Sub(before), delay)
		before = next
	}
	w.settled(t)
	require.Len(t, w.deadLetters(t), 1)
}

func TestBackoffScheduleIsChecked(t *testing.T) {
	t.Parallel()
	for _, schedule := range [][]time.Duration{{time.Second, -1}, {0, 31 * 24 * time.Hour}} {
		_, err := subscribers.New(nil, subscribers.Config{Durable: "a", Backoff: subscribers.Backoff{Schedule: schedule}})
		require.ErrorContains(t, err, "Backoff: Schedule[1] is "+schedule[1].String())
	}
}

// MaxDeliver is lowered while events are pending that were delivered more often than that: each of them still ends, in effect or as a dead letter. So
// does one that is out with a process that has died.
func TestMaxDeliverLoweredWhileEventsArePending(t *testing.T) {
	t.Parallel()
	const count = 12
	w := newWorld(t)
	w.publishMany(t, count, count)
	first := w.subscribe(t, subscribers.Config{MaxDeliver: 10, AckWait: shortWait, Backoff: subscribers.Backoff{Min: time.Millisecond, Max: 300 * time.Millisecond}})
	var tried calls
	subscribers.Handle(first, func(_ context.Context, e contrail.Delivered[drafted]) error {
		tried.add(e.Data.N)
		return errBroken
	})
	stop := run(t, first)
	eventually(t, func() bool {
		for n := range count {
			if tried.of(n) < 4 {
				return false
			}
		}
		return true
	})
	stop()
	for _, bound := range []int{10, 2} { // the broker's own follows when nothing is in hand
		sub := w.subscribe(t, subscribers.Config{MaxDeliver: 2, AckWait: shortWait})
		subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
			if e.Data.N%2 == 0 {
				return errBroken
			}
			return nil
		})
		stop := run(t, sub)
		w.settled(t)
		w.awaitLetters(t, count/2)
		eventually(t, func() bool {
			consumer, err := w.js.Consumer(t.Context(), wire.DefaultStream, "test")
			return err == nil && consumer.CachedInfo().Config.MaxDeliver == bound
		})
		stop()
	}
	for _, letter := range w.deadLetters(t) {
		require.Equal(t, subscribers.ReasonExhausted, letter.Reason)
		require.Zero(t, numberIn(t, letter)%2)
	}
}

// MaxDeliver is lowered by a second process while the first one has events in hand: neither loses any.
func TestMaxDeliverLoweredBesideAnotherProcess(t *testing.T) {
	t.Parallel()
	const count = 8
	w := newWorld(t)
	w.publishMany(t, count, count)
	config := subscribers.Config{MaxDeliver: 10, AckWait: shortWait}
	inside, proceed := make(chan struct{}, 99), make(chan struct{})
	first := w.subscribe(t, config)
	var mu sync.Mutex
	handled := map[int]bool{}
	subscribers.Handle(first, func(_ context.Context, e contrail.Delivered[drafted]) error {
		if e.Delivery.Attempt < 3 {
			return contrail.RetryAfter(0, errBroken)
		}
		inside <- struct{}{}
		<-proceed
		mu.Lock()
		defer mu.Unlock()
		handled[e.Data.N] = true
		return nil
	})
	run(t, first)
	for range count {
		receive(t, inside)
	}
	config.MaxDeliver = 2
	second := w.subscribe(t, config)
	subscribers.Handle(second, func(context.Context, contrail.Delivered[drafted]) error { return errBroken })
	run(t, second)
	eventually(t, func() bool { // it has found its consumer
		consumer, err := w.js.Consumer(t.Context(), wire.DefaultDeadLetters, "test")
		return err == nil && consumer.CachedInfo().Config.AckPolicy == jetstream.AckExplicitPolicy && consumer.CachedInfo().NumWaiting > 1
	})
	close(proceed)
	w.settled(t)
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, handled, count)
	require.Empty(t, w.deadLetters(t))
}
