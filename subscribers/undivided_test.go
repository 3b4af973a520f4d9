package subscribers_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// A durable that was divided is not consumed undivided by mistake: events would be left behind in its partitions.
func TestDividedDurableIsNotConsumedUndivided(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	divided := w.subscribe(t, subscribers.Config{Partitions: 2})
	handled := make(chan int, 9)
	handle := func(_ context.Context, e contrail.Delivered[drafted]) error {
		handled <- e.Data.N
		return nil
	}
	subscribers.Handle(divided, handle)
	w.publish(t, "invoice-1", drafted{N: 1})
	stop := run(t, divided)
	require.Equal(t, 1, receive(t, handled))
	stop()
	whole := w.subscribe(t, subscribers.Config{})
	subscribers.Handle(whole, handle)
	err := outcome(t, whole)
	require.ErrorContains(t, err, "Partitions is 0, and consumer test is divided")
	require.ErrorContains(t, err, "contrail subscriptions undivide test")
}
