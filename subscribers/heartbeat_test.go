package subscribers_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// A handler that takes many times AckWait, and the siblings that wait behind it, are delivered once.
func TestHeartbeatsOutlastAckWait(t *testing.T) {
	t.Parallel()
	const ackWait = 150 * time.Millisecond
	w := newWorld(t)
	w.publishMany(t, 5, 1)
	sub := w.subscribe(t, subscribers.Config{AckWait: ackWait})
	subscribers.Handle(sub, func(ctx context.Context, e contrail.Delivered[drafted]) error {
		if e.Version == 1 {
			timer := time.NewTimer(8 * ackWait)
			defer timer.Stop()
			<-timer.C
		}
		return ctx.Err()
	})
	run(t, sub)
	w.settled(t)
	require.Equal(t, subscribers.Stats{Delivered: 5, Handled: 5}, sub.Stats())
}
