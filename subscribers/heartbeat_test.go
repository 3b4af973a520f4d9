package subscribers_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// A handler that takes longer than AckWait, and the siblings that wait behind it, are delivered once. AckWait is long, so that a busy machine
// finds the time for a heartbeat.
func TestHeartbeatsOutlastAckWait(t *testing.T) {
	t.Parallel()
	const ackWait = 4 * time.Second
	w := newWorld(t)
	w.publishMany(t, 5, 1)
	sub := w.subscribe(t, subscribers.Config{AckWait: ackWait})
	subscribers.Handle(sub, func(ctx context.Context, e contrail.Delivered[drafted]) error {
		if e.Version == 1 {
			timer := time.NewTimer(2 * ackWait)
			defer timer.Stop()
			<-timer.C
		}
		return ctx.Err()
	})
	run(t, sub)
	w.settled(t)
	require.Equal(t, subscribers.Stats{Delivered: 5, Handled: 5}, sub.Stats())
}
