package subscribers_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// The stream is deleted and made anew while an event is handled: the new stream's first event has the same sequence.
func TestNewStreamsEventIsNotTakenForOneInHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.subscribe(t, subscribers.Config{})
	handled, resume := make(chan int, 9), make(chan struct{})
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		handled <- e.Data.N
		if e.Data.N == 1 {
			<-resume
		}
		return nil
	})
	run(t, sub)
	w.publish(t, "invoice-1", drafted{N: 1})
	require.Equal(t, 1, receive(t, handled))
	require.NoError(t, w.js.DeleteStream(t.Context(), wire.DefaultStream))
	w.createStream(t)
	w.publish(t, "invoice-2", drafted{N: 2})
	eventually(t, func() bool { return sub.Stats().Delivered == 2 })
	close(resume)
	require.Equal(t, 2, receive(t, handled))
	w.settled(t)
}

// The same behind the subscription's back, and another process has failed at the new event.
func TestNewStreamsEventIsNotTakenForOneHandled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cutOff := &gate{}
	sub := (&world{js: cutOff.through(t, w)}).subscribe(t, subscribers.Config{})
	handled := make(chan int, 9)
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		handled <- e.Data.N
		return nil
	})
	run(t, sub)
	w.publish(t, "invoice-1", drafted{N: 1})
	require.Equal(t, 1, receive(t, handled))
	w.settled(t)
	consumer, err := w.js.Consumer(t.Context(), wire.DefaultStream, "test")
	require.NoError(t, err)
	cutOff.cut(t)
	require.NoError(t, w.js.DeleteStream(t.Context(), wire.DefaultStream))
	w.createStream(t)
	consumer, err = w.js.CreateConsumer(t.Context(), wire.DefaultStream, consumer.CachedInfo().Config)
	require.NoError(t, err)
	w.publish(t, "invoice-2", drafted{N: 2})
	msg, err := consumer.Next(jetstream.FetchMaxWait(patience))
	require.NoError(t, err)
	require.NoError(t, msg.Nak())
	cutOff.lift()
	require.Equal(t, 2, receive(t, handled))
}

// A consumer that is made again counts its deliveries from one, also those of an event that is in hand.
func TestDeliveriesOfAConsumerMadeAgainAreTheNewer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.subscribe(t, subscribers.Config{AckWait: 3 * time.Second})
	attempts := make(chan int, 9)
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		attempts <- e.Delivery.Attempt
		if e.Delivery.Attempt == 2 {
			return contrail.RetryAfter(time.Hour, errBroken)
		}
		return errBroken
	})
	run(t, sub)
	w.publish(t, "invoice-1", drafted{})
	require.Equal(t, 1, receive(t, attempts))
	require.Equal(t, 2, receive(t, attempts))
	eventually(t, func() bool { return sub.Stats().Retried == 2 })
	require.NoError(t, w.js.DeleteConsumer(t.Context(), wire.DefaultStream, "test"))
	require.LessOrEqual(t, receive(t, attempts), 2, "the first delivery may have gone to the last pull of the old one")
}
