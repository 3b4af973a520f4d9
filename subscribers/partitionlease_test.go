package subscribers_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// A member that does not reach the broker loses what it holds. When it is back, it keeps nothing alive that it still has in hand, and starts nothing that
// was waiting.
func TestPartitionsAreLostWithTheLease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	config := one()
	config.AckWait, config.Concurrency = 3*time.Second, 1
	cut := &gate{}
	former := (&world{js: cut.through(t, w)}).subscribe(t, config)
	former.Lease(shortLease)
	started, proceed := make(chan int, 9), make(chan struct{})
	subscribers.Handle(former, func(_ context.Context, e contrail.Delivered[drafted]) error {
		started <- e.Data.N
		<-proceed
		return nil
	})
	run(t, former)
	w.publish(t, "invoice-1", drafted{N: 1})
	w.publish(t, "invoice-2", drafted{N: 2})
	w.publish(t, "invoice-1", drafted{N: 3})
	running := receive(t, started)
	eventually(t, func() bool { return former.Stats().Delivered == 3 })
	cut.cut(t)

	l := newLog()
	config.Logger = l.logger()
	var got numbers
	stop := w.divide(t, config, &got)
	l.await(t, "taking over a partition")
	cut.lift()
	got.await(t, 1, 2, 3)
	require.Less(t, got.place(1), got.place(3))
	stop()
	require.Empty(t, started, "beside event %d, which was running", running)
	close(proceed)
	w.dry(t)
}

// A process that was frozen may renew its lease before it finds out that it had run out.
func TestLeaseThatIsRenewedTooLate(t *testing.T) {
	t.Parallel()
	require.False(t, subscribers.RenewedTooLate(t.Context()))
}
