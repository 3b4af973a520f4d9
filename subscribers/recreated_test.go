package subscribers_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// The stream is deleted and made anew under a subscription that began with new events: all that is in it came later, so it misses none.
func TestStartFromNewInAStreamMadeAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publishMany(t, 50, 5)
	sub := w.subscribe(t, subscribers.Config{Start: subscribers.FromNew()})
	var handled calls
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		handled.add(e.Data.N)
		return nil
	})
	run(t, sub)
	eventually(t, func() bool {
		_, err := w.js.Consumer(t.Context(), wire.DefaultStream, "test")
		return err == nil
	})
	w.publish(t, "invoice-1", drafted{N: 1000})
	eventually(t, func() bool { return handled.of(1000) == 1 })
	require.NoError(t, w.js.DeleteStream(t.Context(), wire.DefaultStream))
	w.createStream(t)
	const first, count = 2000, 20
	for n := range count {
		w.publish(t, "invoice-1", drafted{N: first + n})
	}
	eventually(t, func() bool { return handled.of(first+count-1) == 1 })
	for n := range count {
		require.Equal(t, 1, handled.of(first+n))
	}
}

// A handler finishes with an event of a stream that was deleted meanwhile: its ack is none for the event that has the same sequence in the stream that was made
// anew.
func TestAckOfAStreamThatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.subscribe(t, subscribers.Config{Concurrency: 1, AckWait: 5 * time.Second})
	var handled calls
	running, proceed := make(chan int, 2), make(chan struct{})
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		running <- e.Data.N
		<-proceed
		handled.add(e.Data.N)
		return nil
	})
	cancel, ended := launch(t, sub)
	w.publish(t, "invoice-1", drafted{N: 1})
	receive(t, running)
	require.NoError(t, w.js.DeleteStream(t.Context(), wire.DefaultStream))
	w.createStream(t)
	w.publish(t, "invoice-1", drafted{N: 2})
	eventually(t, func() bool { return sub.Stats().Delivered == 2 })
	cancel()
	eventually(t, func() bool { // no more pulls: it is draining, and starts nothing
		consumer, err := w.js.Consumer(t.Context(), wire.DefaultStream, "test")
		return err == nil && consumer.CachedInfo().NumWaiting == 0
	})
	close(proceed)
	require.NoError(t, receive(t, ended))
	require.Equal(t, [2]int{1, 0}, [2]int{handled.of(1), handled.of(2)})
	next := w.subscribe(t, subscribers.Config{Concurrency: 1})
	subscribers.Handle(next, func(_ context.Context, e contrail.Delivered[drafted]) error {
		handled.add(e.Data.N)
		return nil
	})
	run(t, next)
	w.settled(t)
	require.Equal(t, 1, handled.of(2))
}
