package subscriptions_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// silent is how long nothing happens that must not happen. It takes longer to run into two heartbeats of a pull that are missing, ten seconds:
// see TestPausedForLong.
const silent = time.Second

func TestPauseHoldsARunningSubscription(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := w.run(w.subscribe(subscribers.Config{}))
	w.append("a-1", 3)
	w.settled(upTo(1, 3)...)
	created := w.get().Created

	require.NoError(t, subscriptions.Pause(t.Context(), w.js, w.name, subscriptions.Forever()))
	require.Equal(t, subscriptions.Forever(), *w.get().PausedUntil)
	w.append("a-1", 3)
	_, err := subscriptions.Replay{From: 1, To: 1}.Run(t.Context(), w.js, w.pool, w.name)
	require.NoError(t, err)
	require.Never(t, func() bool { return len(w.effects()) > 3 }, silent, 10*time.Millisecond)

	stop()
	w.run(w.subscribe(subscribers.Config{})) // a process that starts now
	require.Never(t, func() bool { return len(w.effects()) > 3 }, silent, 10*time.Millisecond)
	got := w.get()
	require.Equal(t, subscriptions.Forever(), *got.PausedUntil)
	require.Equal(t, [2]uint64{3, 1}, [2]uint64{got.Lag, got.Requeued})

	require.NoError(t, subscriptions.Resume(t.Context(), w.js, w.name))
	w.eventually(func() bool { return len(w.effects()) == 7 })
	require.ElementsMatch(t, append(upTo(1, 6), 1), w.effects())
	require.Nil(t, w.get().PausedUntil)
	require.Equal(t, created, w.get().Created)
	require.NoError(t, subscriptions.Resume(t.Context(), w.js, w.name))
	require.NotContains(t, w.log.String(), "the consumer is gone")
	require.NotContains(t, w.log.String(), "ERROR")
}

// A pull waits for longer than the time after which its heartbeats count as missing.
func TestPausedForLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.subscribe(subscribers.Config{})
	w.run(sub)
	w.append("a-1", 1)
	w.settled(1)
	require.NoError(t, subscriptions.Pause(t.Context(), w.js, w.name, time.Now().Add(12*time.Second)))
	w.append("a-1", 1)
	w.settled(1, 2) // it goes on by itself
	require.Nil(t, w.get().PausedUntil)
	require.Empty(t, w.log.String())
	require.Equal(t, int64(2), sub.Stats().Delivered)
}

func TestPauseSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.ErrorIs(t, subscriptions.Pause(t.Context(), w.js, w.name, subscriptions.Forever()), subscriptions.ErrNotFound)
	require.ErrorIs(t, subscriptions.Resume(t.Context(), w.js, w.name), subscriptions.ErrNotFound)
	stop := w.run(w.subscribe(subscribers.Config{}))
	w.append("a-1", 1)
	w.settled(1)
	stop()
	err := subscriptions.Pause(t.Context(), w.js, w.name, time.Now().Add(-time.Minute))
	require.ErrorContains(t, err, "pause subscription test (its consumer on stream EVENTS): the broker's clock is past ")
	require.NoError(t, w.js.DeleteStream(t.Context(), "DEADLETTERS"))
	require.NoError(t, subscriptions.Pause(t.Context(), w.js, w.name, subscriptions.Forever()))
	require.NotNil(t, w.get().PausedUntil)
}
