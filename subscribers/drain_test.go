package subscribers_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// Run lets the running handler finish, and what it had not started yet is delivered to the next process at once.
func TestDrain(t *testing.T) {
	t.Parallel()
	const count = 50
	w := newWorld(t)
	w.publishMany(t, count, count)
	config := subscribers.Config{Concurrency: 1, AckWait: time.Minute}
	var handled calls
	running, proceed := make(chan struct{}), make(chan struct{})
	first := w.subscribe(t, config)
	subscribers.Handle(first, func(ctx context.Context, e contrail.Delivered[drafted]) error {
		close(running)
		<-proceed
		handled.add(e.Data.N)
		return ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- first.Run(ctx) }()
	receive(t, running)
	eventually(t, func() bool { return first.Stats().Delivered == count })
	cancel()
	select {
	case err := <-ended:
		require.Fail(t, "Run did not wait for the handler", err)
	case <-time.After(200 * time.Millisecond):
	}
	close(proceed)
	require.NoError(t, receive(t, ended))
	require.Equal(t, int64(1), first.Stats().Handled)

	second := w.subscribe(t, config)
	subscribers.Handle(second, func(_ context.Context, e contrail.Delivered[drafted]) error {
		handled.add(e.Data.N)
		return nil
	})
	run(t, second)
	w.settled(t)
	for n := range count {
		require.Equal(t, 1, handled.of(n), "event %d", n)
	}
}

// A handler that does not end in time is told to, and its event is delivered to the next process.
func TestDrainTimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "invoice-1", drafted{})
	config := subscribers.Config{AckWait: time.Minute, DrainTimeout: 50 * time.Millisecond}
	sub := w.subscribe(t, config)
	running := make(chan struct{})
	subscribers.Handle(sub, func(ctx context.Context, _ contrail.Delivered[drafted]) error {
		close(running)
		<-ctx.Done()
		return ctx.Err()
	})
	stop := run(t, sub)
	receive(t, running)
	stop()
	require.Zero(t, sub.Stats().Handled)

	next := w.subscribe(t, config)
	attempts := make(chan int, 1)
	subscribers.Handle(next, func(_ context.Context, e contrail.Delivered[drafted]) error {
		attempts <- e.Delivery.Attempt
		return nil
	})
	run(t, next)
	require.Equal(t, 2, receive(t, attempts))
}

// On its last delivery an event can't be given back. It is handled while draining, if nothing of its stream is in its way; and if so, it
// becomes a dead letter.
func TestDrainOfLastDeliveries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "invoice-1", drafted{N: 1}) // runs while the drain begins
	w.publish(t, "invoice-2", drafted{N: 2}) // waits for the one worker
	w.publish(t, "invoice-1", drafted{N: 3}) // waits for invoice-1, whose handler fails
	sub := w.subscribe(t, subscribers.Config{Concurrency: 1, MaxDeliver: 1})
	var handled calls
	running, proceed := make(chan struct{}), make(chan struct{})
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		handled.add(e.Data.N)
		if e.Data.N == 1 {
			close(running)
			<-proceed
			return errBroken
		}
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- sub.Run(ctx) }()
	receive(t, running)
	eventually(t, func() bool { return sub.Stats().Delivered == 3 })
	cancel()
	close(proceed)
	require.NoError(t, receive(t, ended))
	w.settled(t)
	require.Equal(t, 1, handled.of(2))
	require.Equal(t, 1, handled.of(3))
	require.Len(t, w.deadLetters(t), 1)
}

// The same, but the lane is held by a retry: what is behind it must not overtake it, and can't be given back either.
func TestDrainOfAHeldLastDelivery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 2 {
		w.publish(t, "invoice-1", drafted{N: n})
	}
	config := subscribers.Config{MaxDeliver: 2, AckWait: 10 * time.Second, Backoff: subscribers.Backoff{Min: time.Hour, Max: time.Hour}}
	deliver := func(fail bool) *subscribers.Subscription {
		sub := w.subscribe(t, config)
		failed := make(chan struct{}, 9)
		subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
			if e.Data.N > 0 {
				return nil
			}
			failed <- struct{}{}
			if fail {
				return errBroken
			}
			return nil
		})
		stop := run(t, sub)
		receive(t, failed)
		eventually(t, func() bool { return sub.Stats().Delivered == 2 && sub.Stats().Retried == 1 })
		stop()
		return sub
	}
	deliver(true) // both have had one delivery: the first failed, the second was held and given back
	sub := w.subscribe(t, config)
	got := make(chan int, 9)
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		got <- e.Data.N
		return nil
	})
	run(t, sub)
	require.Equal(t, 1, receive(t, got), "another process does not wait for the first one's retry")
}

// Runs come and go while events flow: nothing is lost.
func TestStartStopStress(t *testing.T) {
	t.Parallel()
	const count, rounds = 600, 12
	w := newWorld(t)
	w.publishMany(t, count, 30)
	var handled calls
	sub := w.subscribe(t, subscribers.Config{AckWait: 2 * time.Second, MaxDeliver: 100, Concurrency: 4})
	progress := make(chan struct{}) // paces the handlers, so that each round has some left
	subscribers.Handle(sub, func(ctx context.Context, e contrail.Delivered[drafted]) error {
		handled.add(e.Data.N)
		select {
		case progress <- struct{}{}:
		case <-time.After(5 * time.Millisecond):
		}
		if e.Delivery.Attempt == 1 && e.Data.N%17 == 0 {
			return errBroken
		}
		return ctx.Err()
	})
	for range rounds {
		stop := run(t, sub)
		for range 10 {
			receive(t, progress)
		}
		stop()
	}
	run(t, sub)
	w.settled(t)
	for n := range count {
		require.NotZero(t, handled.of(n), "event %d", n)
	}
	require.Empty(t, w.deadLetters(t))
}
