package subscribers

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// The redelivery of an event arrives before the worker looks whether the next one of its stream has to wait: that one is held all the same.
func TestRedeliveryThatIsQueuedHoldsLaterEvents(t *testing.T) {
	t.Parallel()
	config := Config{InboxBatch: 256, Concurrency: 1}.withDefaults()
	s := newScheduler(config, func() (uint64, bool) { return 0, true })
	s.admit(deliveryOf(1, 1))
	s.admit(deliveryOf(2, 1))
	taken := s.take(nil)
	require.Len(t, taken, 2)
	require.False(t, s.held(taken[0]))
	s.await(taken[0], 0)
	s.admit(deliveryOf(1, 2)) // the broker delivers at once
	require.True(t, s.held(taken[1]), "2 is handled before 1, whose redelivery is in the queue already")
}

func deliveryOf(sequence, attempt uint64) *delivery {
	return &delivery{
		identity: identity{sequence: sequence}, lane: "invoice-1", arrived: time.Now(), form: inPgx,
		meta: &jetstream.MsgMetadata{NumDelivered: attempt},
	}
}
