package subscriptions_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

const partitions = 4

func divided() subscribers.Config { return subscribers.Config{Partitions: partitions} }

// spread publishes events of several streams, in turn.
func (w *world) spread(events int) {
	w.Helper()
	for n := range events {
		w.append(fmt.Sprintf("a-%d", n%7), 1)
	}
}

// tookEffect waits until nothing is to come and each event has taken effect so often, which is from behind a number of effects on, in the order of its
// stream.
func (w *world) tookEffect(behind int, want ...contrail.Position) {
	w.Helper()
	w.await(func(got subscriptions.Subscription) bool {
		return got.Lag == 0 && got.Requeued == 0 && len(w.effects()) >= behind+len(want)
	})
	require.ElementsMatch(w, want, w.effects()[behind:])
}

// held waits until all partitions are held, by so many processes, and these wait for events.
func (w *world) held(processes int) {
	w.Helper()
	w.await(func(got subscriptions.Subscription) bool {
		holders := map[string]bool{}
		for _, partition := range got.Division.Partitions {
			holders[partition.Member] = true
		}
		return len(holders) == processes && !holders[""] && got.Waiting >= partitions
	})
}

func TestListShowsADividedSubscriptionOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := w.run(w.subscribe(subscribers.Config{Filter: []string{"events.a.>"}})) // not divided yet: its consumer is left behind
	w.append("b-1", 1)
	w.append("a-1", 1)
	w.settled(2)
	stop()
	failing := make(chan struct{}) // closed: from then on handlers fail
	config := divided()
	config.Filter, config.MaxDeliver, config.AckWait, config.MaxAckPending = []string{"events.a.>"}, 9, time.Minute, 7
	handle := func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[counted]) error {
		select {
		case <-failing:
			return contrail.Permanent(errLost)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	w.run(w.handle(config, handle))
	stopOther := w.run(w.handle(config, handle))
	w.append("b-1", 1)
	w.append("a-1", 3)
	w.await(func(got subscriptions.Subscription) bool { return got.Division != nil && got.InHand == 3 })
	w.held(2)

	all, err := subscriptions.List(t.Context(), w.js, "EVENTS", "DEADLETTERS")
	require.NoError(t, err)
	require.Len(t, all, 1)
	got := all[0]
	require.Equal(t, []string{"events.a.>"}, got.Filters)
	require.Equal(t, [3]int{9, 60, 7}, [3]int{got.MaxDeliver, int(got.AckWait), got.MaxAckPending})
	require.True(t, got.Ours)
	require.Equal(t, uint64(3), got.Lag)
	require.Zero(t, got.Pending)
	require.Equal(t, subscriptions.Place{Sequence: 3, Position: 3}, subscriptions.Place{Sequence: got.AckFloor.Sequence, Position: got.AckFloor.Position})
	require.Equal(t, contrail.Position(6), got.Delivered.Position)
	require.GreaterOrEqual(t, got.Waiting, partitions)
	require.Len(t, got.Division.Partitions, partitions)
	inHand := 0
	for number, partition := range got.Division.Partitions {
		require.Equal(t, number, partition.Number)
		require.WithinDuration(t, time.Now(), *partition.Since, patience)
		inHand = max(inHand, partition.InHand)
	}
	require.Equal(t, 3, inHand, "one stream is in one partition")
	require.Len(t, got.Division.Members, 2)
	for _, member := range got.Division.Members {
		require.Len(t, member.Holds, partitions/2)
		require.True(t, member.Alive)
	}
	close(failing)
	stopOther()
	w.held(1)
	require.Len(t, w.get().Division.Members, 1)
	w.await(func(got subscriptions.Subscription) bool { return got.DeadLetters == 3 && got.Lag == 0 })
}

// The lag of a divided subscription is that of an undivided one, whoever runs and whatever is copied.
func TestLagOfADividedSubscription(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := w.run(w.subscribe(divided()))
	w.spread(10)
	w.tookEffect(0, upTo(1, 10)...)
	got := w.get()
	require.Equal(t, [2]contrail.Position{10, 10}, [2]contrail.Position{got.AckFloor.Position, got.Delivered.Position})
	require.NotNil(t, got.AckFloor.At)
	stop()
	w.copying(10)
	w.spread(20)
	got = w.get()
	require.Equal(t, [3]uint64{20, 20, 20}, [3]uint64{got.Lag, got.Pending, got.Division.Uncopied})
	w.copying(-1)
	w.eventually(func() bool { return w.get().Division.Uncopied == 0 })
	got = w.get()
	require.Equal(t, uint64(20), got.Lag)
	require.Equal(t, contrail.Position(10), got.AckFloor.Position)
	require.Zero(t, got.Waiting)
	for _, partition := range got.Division.Partitions {
		require.Empty(t, partition.Member)
		require.Nil(t, partition.Since)
	}
	require.NoError(t, w.js.DeleteKeyValue(t.Context(), "CONTRAIL_EVENTS_test"))
	require.Empty(t, w.get().Division.Members)
	require.NoError(t, w.js.DeleteConsumer(t.Context(), "EVENTS_test", "test_2"))
	require.GreaterOrEqual(t, w.get().Lag, uint64(20)) // somebody makes it again, from its beginning
}

// copying has the broker hold so many copies at most; -1: all.
func (w *world) copying(most int64) {
	w.Helper()
	stream, err := w.js.Stream(w.Context(), "EVENTS_test")
	require.NoError(w, err)
	config := stream.CachedInfo().Config
	config.MaxMsgs, config.Discard = most, jetstream.DiscardNew
	_, err = w.js.UpdateStream(w.Context(), config)
	require.NoError(w, err)
}

func TestPauseHoldsADividedSubscription(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := w.run(w.subscribe(divided()))
	w.run(w.subscribe(divided()))
	w.spread(10)
	w.tookEffect(0, upTo(1, 10)...)
	w.held(2)
	require.NoError(t, subscriptions.Pause(t.Context(), w.js, w.name, subscriptions.Forever()))
	require.Equal(t, subscriptions.Forever(), *w.get().PausedUntil)
	w.spread(10)
	_, err := subscriptions.Replay{From: 1, To: 1}.Run(t.Context(), w.js, w.pool, w.name)
	require.NoError(t, err)
	require.Never(t, func() bool { return len(w.effects()) > 10 }, silent, 10*time.Millisecond)
	stop()
	w.held(1)
	w.run(w.subscribe(divided()))
	w.held(2)
	require.Never(t, func() bool { return len(w.effects()) > 10 }, silent, 10*time.Millisecond)
	require.Equal(t, [2]uint64{10, 1}, [2]uint64{w.get().Lag, w.get().Requeued})
	require.NoError(t, subscriptions.Resume(t.Context(), w.js, w.name))
	w.tookEffect(10, append(upTo(11, 20), 1)...)
	require.Nil(t, w.get().PausedUntil)
	require.NoError(t, subscriptions.Resume(t.Context(), w.js, w.name))
	require.NotContains(t, w.log.String(), "the consumer is gone")
	require.NotContains(t, w.log.String(), "ERROR")
}

// Half of it is done: the error says so, and doing it again does the rest.
func TestPauseThatFailsHalfway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.subscribe(divided()))
	w.held(1)
	err := subscriptions.Pause(t.Context(), failing{w.js, "test_2"}, w.name, subscriptions.Forever())
	require.ErrorIs(t, err, errLost)
	require.ErrorContains(t, err, "pause subscription test (its consumer test_2 on stream EVENTS_test): ")
	require.ErrorContains(t, err, "it is done to 2 of 5 consumers; pause it again")
	got := w.get()
	require.Nil(t, got.PausedUntil)
	require.NotNil(t, got.Division.Partitions[1].PausedUntil)
	require.NoError(t, subscriptions.Pause(t.Context(), w.js, w.name, subscriptions.Forever()))
	require.NotNil(t, w.get().PausedUntil)
	require.ErrorContains(t, subscriptions.Resume(t.Context(), failing{w.js, "test_3"}, w.name), "it is done to 3 of 5 consumers; resume it again")
	require.NoError(t, subscriptions.Resume(t.Context(), w.js, w.name))
	w.spread(5)
	w.tookEffect(0, upTo(1, 5)...)
}

// failing can't reach one consumer.
type failing struct {
	jetstream.JetStream

	consumer string
}

func (f failing) PauseConsumer(ctx context.Context, stream, consumer string, until time.Time) (*jetstream.ConsumerPauseResponse, error) {
	if consumer == f.consumer {
		return nil, errLost
	}
	return f.JetStream.PauseConsumer(ctx, stream, consumer, until)
}

// A partition whose consumer nobody has made yet is paused, too.
func TestPauseOfAPartitionThatNobodyHasHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := w.run(w.subscribe(divided()))
	w.held(1)
	stop()
	require.NoError(t, w.js.DeleteConsumer(t.Context(), "EVENTS_test", "test_1"))
	w.spread(10)
	require.NoError(t, subscriptions.Pause(t.Context(), w.js, w.name, subscriptions.Forever()))
	w.run(w.subscribe(divided()))
	w.held(1)
	require.Never(t, func() bool { return len(w.effects()) > 0 }, silent, 10*time.Millisecond)
	require.NoError(t, subscriptions.Resume(t.Context(), w.js, w.name))
	w.tookEffect(0, upTo(1, 10)...)
}

func TestReplayToADividedSubscription(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	config := divided()
	config.Filter = []string{"events.a.>"}
	w.run(w.subscribe(config))
	w.append("b-1", 1)
	w.spread(10)
	w.tookEffect(0, upTo(2, 11)...)
	done := w.replay(subscriptions.Replay{From: 1, To: 5, ID: "run-1"})
	require.Equal(t, subscriptions.ReplayDone{ID: "run-1", Events: 4, Position: 5, From: 1, To: 5}, done)
	w.tookEffect(10, upTo(2, 5)...)
	require.Equal(t, int64(4), w.replay(subscriptions.Replay{From: 1, To: 5, ID: "run-1"}).Before)
	w.spread(3)
	w.tookEffect(14, upTo(12, 14)...)
}
