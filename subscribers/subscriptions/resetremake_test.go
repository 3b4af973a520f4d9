package subscriptions_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// endAtDelete ends something when a consumer is deleted.
type endAtDelete struct {
	jetstream.JetStream

	end func()
}

func (d endAtDelete) DeleteConsumer(ctx context.Context, stream, consumer string) error {
	err := d.JetStream.DeleteConsumer(ctx, stream, consumer)
	d.end()
	return err
}

// A reset is interrupted between the deletion of the consumer and its making anew: it is made all the same, so that no event is passed over by a
// subscription that would begin with new ones.
func TestResetInterruptedBehindTheDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append("a-1", 3)
	config := subscribers.Config{Concurrency: 1, Start: subscribers.FromNew()}
	stop := w.run(w.subscribe(config))
	w.await(func(subscriptions.Subscription) bool { return true })
	w.append("a-1", 1)
	w.settled(4)
	stop()
	w.append("a-1", 2) // nobody has handled 5 and 6
	ctx, interrupt := context.WithCancel(t.Context())
	_, err := subscriptions.Reset(ctx, endAtDelete{w.js, interrupt}, w.pool, w.name, subscriptions.ResetTo{Settle: -1})
	require.NoError(t, err)
	require.ErrorIs(t, ctx.Err(), context.Canceled)
	w.run(w.subscribe(config))
	w.await(func(subscriptions.Subscription) bool { return true })
	w.append("a-1", 1)
	w.eventually(func() bool { return slices.Contains(w.effects(), 7) })
	require.Subset(t, w.effects(), upTo(4, 7))
}

// A subscription that is divided later is held by a pause as well, and what came meanwhile takes effect when it is over.
func TestPauseHoldsASubscriptionDividedLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append("a-1", 3)
	stop := w.run(w.subscribe(subscribers.Config{}))
	w.settled(1, 2, 3)
	stop()
	w.eventually(func() bool { return w.get().Waiting == 0 })
	w.run(w.subscribe(subscribers.Config{Partitions: 2}))
	w.append("a-1", 1)
	w.eventually(func() bool { return len(w.effects()) == 4 })
	require.NoError(t, subscriptions.Pause(t.Context(), w.js, w.name, time.Now().Add(time.Hour)))
	require.NotNil(t, w.get().PausedUntil)
	w.append("a-1", 1)
	w.await(func(got subscriptions.Subscription) bool { return got.Lag == 1 })
	require.Equal(t, upTo(1, 4), w.effects())
	require.NoError(t, subscriptions.Resume(t.Context(), w.js, w.name))
	w.settled(upTo(1, 5)...)
}
