package publisher_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/parked"
)

// Two events of one stream are asked for at once, and the first is refused again: the second waits for it.
func TestARequeuedEventDoesNotOvertakeOneThatIsRefusedAgain(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	for range 4 {
		insertSmall(t, pool, "held-1")
	}
	var refused [5]atomic.Bool // by position
	refused[1].Store(true)
	refused[3].Store(true)
	cfg := impatient()
	cfg.AckTimeout = patience // it bounds a drain, too
	cfg.Attempts, cfg.BatchEvents = 1, 3
	cfg.Middlewares = []message.HandlerMiddleware{func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			for _, event := range publisher.Events(msg) {
				if refused[event.Position].Load() {
					return nil, contrail.Permanent(errors.New("not this one"))
				}
			}
			return next(msg)
		}
	}}
	drain := func() publisher.Drained {
		drained, err := newRelay(t, pool, js, cfg).Drain(t.Context(), nil)
		require.NoError(t, err)
		return drained
	}
	require.EqualValues(t, 2, drain().Parked)

	cfg.OnPermanent = publisher.PerStream
	refused[3].Store(false)
	requeue(t, pool, 1, 3)
	drain()
	require.Equal(t, []string{"1:parked", "3:held"}, states(t, pool))
	refused[1].Store(false)
	requeue(t, pool, 1)
	require.True(t, drain().OK)
	require.Equal(t, []string{"2", "4", "1", "3"}, positionsIn(t, js))
}

// The broker loses what was published after it had been held: it waits again where what held it is refused again.
func TestWhatWasHeldIsHeldAgainWhenTheBrokerLosesIt(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _, widen := narrow(t)
	insertSmall(t, pool, "other-1")
	insertBig(t, pool, "held-1")
	insertSmall(t, pool, "held-1")
	insertSmall(t, pool, "other-1")
	cfg := impatient()
	cfg.AckTimeout = patience // it bounds a drain, too
	cfg.OnPermanent, cfg.Attempts = publisher.PerStream, 1
	drain := func() publisher.Drained {
		drained, err := newRelay(t, pool, js, cfg).Drain(t.Context(), nil)
		require.NoError(t, err)
		return drained
	}
	drain()
	require.Equal(t, []string{"2:parked", "3:held"}, states(t, pool))
	widen()
	requeue(t, pool, 2)
	require.True(t, drain().OK)
	require.Equal(t, []string{"1", "4", "2", "3"}, positionsIn(t, js))

	loseMessages(t, js, 3, 4)
	_, err := js.UpdateStream(t.Context(), withMaxMsgSize(64<<10))
	require.NoError(t, err)
	drain()
	require.Equal(t, []string{"2:parked", "3:held"}, states(t, pool))
	widen()
	requeue(t, pool, 2)
	require.True(t, drain().OK)
	require.Equal(t, []string{"1", "4", "2", "3"}, positionsIn(t, js))
}

// An event that was left out is asked for while the cursor is still in front of it, and in front of an earlier one of its stream: it comes in its order.
func TestWhatIsRequeuedInFrontOfTheCursorComesInItsOrder(t *testing.T) {
	t.Parallel()
	for name, fence := range map[string]publisher.Fence{"last sequence": publisher.LastSequence, "message id": publisher.MsgID} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			js, _ := natstest.JetStream(t)
			for range 5 {
				insertSmall(t, pool, "held-1")
			}
			leaveOut(t, pool, 3, parked.Parked, 0)
			requeue(t, pool, 3)
			cfg := impatient()
			cfg.AckTimeout = patience // it bounds a drain, too
			cfg.Fence = fence
			awaitDrained(t, pool, js, cfg)
			require.Equal(t, []string{"1", "2", "3", "4", "5"}, positionsIn(t, js))
			require.Empty(t, resentMessages(t, js))
			require.Equal(t, []string{"3:published"}, states(t, pool))
			require.True(t, verify(t, pool, js).OK)
		})
	}
}

// A relay that has lost the leadership does not know of that, and passes such an event over: it comes behind, marked.
func TestWhatAStaleRelayHasPassedOverComesBehind(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	for range 5 {
		insertSmall(t, pool, "held-1")
	}
	createForgetful(t, js, 1)
	leaveOut(t, pool, 3, parked.Published, 0) // which is to come
	publishCopies(t, pool, js, at(1, 2, 4)...)
	awaitDrained(t, pool, js, impatient())
	require.Equal(t, []string{"1", "2", "4", "3", "5"}, positionsIn(t, js))
	report := verify(t, pool, js)
	require.True(t, report.OK, "%+v", report)
	require.EqualValues(t, 1, report.Resent)
}
