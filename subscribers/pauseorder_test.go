package subscribers_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// The consumer is paused while an event waits for its retry, for longer than an ack may take: the one behind it still waits for it.
func TestPauseKeepsTheOrderOfARetry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "invoice-1", drafted{N: 1})
	w.publish(t, "invoice-1", drafted{N: 2})
	sub := w.subscribe(t, subscribers.Config{
		AckWait: 300 * time.Millisecond, Backoff: subscribers.Backoff{Min: time.Second, Max: time.Second},
	})
	var mu sync.Mutex
	var order []int
	failed := make(chan struct{}, 1)
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		if e.Data.N == 1 && e.Delivery.Attempt == 1 {
			failed <- struct{}{}
			return errBroken
		}
		mu.Lock()
		defer mu.Unlock()
		order = append(order, e.Data.N)
		return nil
	})
	run(t, sub)
	receive(t, failed)
	eventually(t, func() bool { return sub.Stats().Delivered == 2 })
	_, err := w.js.PauseConsumer(t.Context(), wire.DefaultStream, "test", time.Now().Add(4*time.Second))
	require.NoError(t, err)
	w.settled(t)
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []int{1, 2}, order)
}
