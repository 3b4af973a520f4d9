package subscriptions_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

func TestResetOfADividedSubscription(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		to    subscriptions.ResetTo
		done  subscriptions.ResetDone
		again []contrail.Position
	}{
		"beginning": {subscriptions.ResetTo{}, subscriptions.ResetDone{Sequence: 1, Position: 1}, nil},
		"forget":    {subscriptions.ResetTo{Forget: true}, subscriptions.ResetDone{Sequence: 1, Position: 1, Forgot: true}, upTo(1, 20)},
		"position": {
			subscriptions.ResetTo{Start: subscribers.FromPosition(8), Forget: true},
			subscriptions.ResetDone{Sequence: 8, Position: 8, Forgot: true},
			upTo(8, 20),
		},
		"new": {subscriptions.ResetTo{Start: subscribers.FromNew(), Forget: true}, subscriptions.ResetDone{Sequence: 21}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, running := range []bool{true, false} {
				w := newWorld(t)
				stop, stopOther := w.run(w.subscribe(divided())), w.run(w.subscribe(divided()))
				w.spread(20)
				w.tookEffect(0, upTo(1, 20)...)
				w.held(2)
				if !running {
					stop()
					stopOther()
				}
				require.Equal(t, c.done, w.reset(c.to))
				if !running {
					w.run(w.subscribe(divided()))
				}
				w.tookEffect(20, c.again...)
				stream, err := w.js.Stream(t.Context(), "EVENTS_test")
				require.NoError(t, err)
				require.Equal(t, 21-c.done.Sequence, stream.CachedInfo().State.Msgs, "events are delivered again")
				w.spread(5)
				w.tookEffect(20, append(c.again, upTo(21, 25)...)...)
				require.NotContains(t, w.log.String(), "ERROR")
				require.Nil(t, w.get().PausedUntil)
			}
		})
	}
}

// Two processes, events that keep coming, and resets in the midst: behind each reset every event that was there takes effect once more, none more than that,
// and each stream's in their order.
func TestResetOfABusyDividedSubscription(t *testing.T) {
	t.Parallel()
	const resets, perReset = 5, 200
	w := newWorld(t)
	for range 2 {
		config := divided()
		config.InboxBatch, config.Concurrency, config.MaxAckPending = 8, 4, 50
		w.run(w.subscribe(config))
	}
	w.spread(perReset)
	w.await(func(got subscriptions.Subscription) bool { return got.Delivered.Sequence > 0 })
	for reset := range resets {
		before := w.lastEffect()
		var publishing sync.WaitGroup
		publishing.Go(func() { w.spread(perReset) })
		to := subscriptions.ResetTo{Forget: true}
		if reset%2 == 0 {
			to.Settle = -1
		}
		_, err := subscriptions.Reset(t.Context(), w.js, w.pool, w.name, to)
		require.NoError(t, err)
		publishing.Wait()
		w.await(func(got subscriptions.Subscription) bool { return got.Lag == 0 && got.Delivered.Position == w.position })
		counts := w.effectsSince(before)
		for position := contrail.Position(1); position <= w.position; position++ {
			require.GreaterOrEqual(t, counts[position], 1, "position %d was lost by reset %d", position, reset)
			require.LessOrEqual(t, counts[position], 2, "position %d", position)
		}
	}
	require.NotContains(t, w.log.String(), "ERROR")
}

// What is in hand, and waits for a retry that is far off, holds nothing up behind the reset.
func TestResetOfADividedSubscriptionWhileEventsAreInHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var cured atomic.Bool
	w.run(w.handle(divided(), func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[counted]) error {
		if e.Position == 3 && !cured.Load() {
			return contrail.RetryAfter(time.Hour, errLost)
		}
		_, err := tx.Exec(ctx, `INSERT INTO effects (position) VALUES ($1)`, e.Position)
		return err
	}))
	w.append("a-1", 2)
	w.tookEffect(0, 1, 2)
	w.append("a-1", 3)
	w.await(func(got subscriptions.Subscription) bool { return got.InHand == 3 && w.hasRetry() })
	cured.Store(true)
	require.Equal(t, contrail.Position(2), w.get().AckFloor.Position)
	require.Equal(t, 3, w.reset(subscriptions.ResetTo{Forget: true, Settle: -1}).InHand)
	w.settledInOrder(1, 2, 1, 2, 3, 4, 5)
}

// hasRetry tells whether the processes know of a retry that is far off.
func (w *world) hasRetry() bool {
	w.Helper()
	stream, err := w.js.Stream(w.Context(), "KV_CONTRAIL_EVENTS_test")
	require.NoError(w, err)
	info, err := stream.Info(w.Context(), jetstream.WithSubjectFilter("$KV.CONTRAIL_EVENTS_test.retry.>"))
	require.NoError(w, err)
	return len(info.State.Subjects) > 0
}

// settledInOrder waits until nothing is to come and nothing in hand, and what took effect is as it should be.
func (w *world) settledInOrder(want ...contrail.Position) {
	w.Helper()
	w.await(func(got subscriptions.Subscription) bool { return got.Lag == 0 && len(w.effects()) >= len(want) })
	require.Equal(w, want, w.effects())
}

// One that is paused stays so, whatever processes run, and gets nothing meanwhile.
func TestResetOfADividedSubscriptionThatIsPaused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.subscribe(divided()))
	w.run(w.subscribe(divided()))
	w.spread(20)
	w.tookEffect(0, upTo(1, 20)...)
	w.held(2)
	require.NoError(t, subscriptions.Pause(t.Context(), w.js, w.name, time.Now().Add(time.Hour)))
	until := w.get().PausedUntil
	_, err := subscriptions.Reset(t.Context(), w.js, w.pool, w.name, subscriptions.ResetTo{Forget: true})
	require.NoError(t, err)
	require.WithinDuration(t, *until, *w.get().PausedUntil, time.Second)
	w.await(func(got subscriptions.Subscription) bool { return got.Division.Uncopied == 0 })
	w.held(2)
	require.Never(t, func() bool { return len(w.effects()) > 20 }, silent, 10*time.Millisecond)
	require.Equal(t, uint64(20), w.get().Lag)
	require.NoError(t, subscriptions.Resume(t.Context(), w.js, w.name))
	w.tookEffect(20, upTo(1, 20)...)
}

func TestResetOfADividedSubscriptionThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.subscribe(divided()))
	w.spread(9)
	w.tookEffect(0, upTo(1, 9)...)
	for _, c := range []struct {
		to   subscriptions.ResetTo
		js   jetstream.JetStream
		db   subscriptions.Beginner
		says string
	}{
		{subscriptions.ResetTo{Start: subscribers.FromPosition(99)}, w.js, w.pool, "position 99"},
		{subscriptions.ResetTo{Forget: true}, w.js, nil, "db is nil"},
		{subscriptions.ResetTo{Forget: true}, w.js, refusing{}, "no connection"},
		{subscriptions.ResetTo{Forget: true}, failing{w.js, "test_2"}, w.pool, "reset subscription test (its copies on stream EVENTS_test): pause it: "},
		{subscriptions.ResetTo{Forget: true}, crashing{JetStream: w.js, before: "delete"}, w.pool, "delete stream EVENTS_test"},
	} {
		_, err := subscriptions.Reset(t.Context(), c.js, c.db, w.name, c.to)
		require.ErrorContains(t, err, c.says)
		got := w.get()
		require.Equal(t, contrail.Position(9), got.AckFloor.Position)
		if _, halfway := c.js.(failing); halfway {
			require.NoError(t, subscriptions.Resume(t.Context(), w.js, w.name))
		}
		w.await(func(got subscriptions.Subscription) bool { return got.PausedUntil == nil })
	}
	w.held(1)
	w.spread(1)
	w.tookEffect(0, upTo(1, 10)...)
}

// crashing fails as if its process had died: before it deletes the stream, or before it makes it anew.
type crashing struct {
	jetstream.JetStream

	before string
}

var errCrash = errors.New("the process dies")

func (c crashing) DeleteStream(ctx context.Context, name string) error {
	if c.before == "delete" {
		return errCrash
	}
	return c.JetStream.DeleteStream(ctx, name)
}

func (c crashing) CreateStream(ctx context.Context, config jetstream.StreamConfig) (jetstream.Stream, error) {
	if c.before == "create" {
		return nil, errCrash
	}
	return c.JetStream.CreateStream(ctx, config)
}

// Whoever resets it dies when the stream is deleted, and not made anew: a process makes it, to begin where it was meant to, and nothing is forgotten. Once more
// does the rest.
func TestResetOfADividedSubscriptionThatIsInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.subscribe(divided()))
	w.spread(9)
	w.tookEffect(0, upTo(1, 9)...)
	to := subscriptions.ResetTo{Start: subscribers.FromPosition(3), Forget: true}
	_, err := subscriptions.Reset(t.Context(), crashing{w.js, "create"}, w.pool, w.name, to)
	require.ErrorIs(t, err, errCrash)
	require.ErrorContains(t, err, "make stream EVENTS_test anew: the process dies; its processes make it, to begin with message 3 of stream EVENTS; reset it again")
	w.spread(1)
	w.tookEffect(0, upTo(1, 10)...)
	stream, err := w.js.Stream(t.Context(), "EVENTS_test")
	require.NoError(t, err)
	require.EqualValues(t, 3, stream.CachedInfo().Config.Sources[0].OptStartSeq)
	require.EqualValues(t, 8, stream.CachedInfo().State.LastSeq)
	w.reset(to)
	w.tookEffect(10, upTo(3, 10)...)
}

// Two reset it at the same time: one after the other.
func TestResetsOfADividedSubscriptionAtTheSameTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.subscribe(divided()))
	w.spread(9)
	w.tookEffect(0, upTo(1, 9)...)
	var resets sync.WaitGroup
	var faults [3]error
	for n := range faults {
		resets.Go(func() {
			_, faults[n] = subscriptions.Reset(context.WithoutCancel(t.Context()), w.js, w.pool, w.name, subscriptions.ResetTo{Forget: true})
		})
	}
	resets.Wait()
	require.NoError(t, errors.Join(faults[:]...))
	w.await(func(got subscriptions.Subscription) bool { return got.Lag == 0 && got.Delivered.Position == 9 })
	w.held(1)
	before := len(w.effects())
	require.LessOrEqual(t, before, 4*9)
	w.reset(subscriptions.ResetTo{Forget: true})
	w.tookEffect(before, upTo(1, 9)...)
}

// An event that the broker has given up, and that is no dead letter yet, needs its copy.
func TestResetWaitsForDeadLettersToBeMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := w.run(w.subscribe(divided()))
	w.spread(1)
	w.tookEffect(0, 1)
	w.held(1)
	stop()
	w.spread(1)
	w.giveUp()
	_, err := subscriptions.Reset(t.Context(), w.js, w.pool, w.name, subscriptions.ResetTo{Settle: -1})
	require.ErrorContains(t, err, "the broker has given up 1 of its events, and they are no dead letters yet; let one of its processes run")
	_, err = subscriptions.Undivide(t.Context(), w.js, w.name)
	require.ErrorContains(t, err, "the broker has given up 1 of its events")
	require.Nil(t, w.get().PausedUntil)
	w.run(w.subscribe(divided()))
	w.await(func(got subscriptions.Subscription) bool { return got.DeadLetters == 1 })
	w.reset(subscriptions.ResetTo{})
}

// giveUp takes the event that waits, and never answers for it, until the broker gives it up.
func (w *world) giveUp() {
	w.Helper()
	w.eventually(func() bool { return w.get().Division.Uncopied == 0 })
	for partition, at := range w.get().Division.Partitions {
		if at.Pending == 0 {
			continue
		}
		consumer, err := w.js.Consumer(w.Context(), "EVENTS_test", "test_"+string(rune('0'+partition)))
		require.NoError(w, err)
		msg, err := consumer.Next()
		require.NoError(w, err)
		require.NoError(w, msg.TermWithReason("somebody else's"))
	}
	w.eventually(func() bool {
		stream, err := w.js.Stream(w.Context(), "CONTRAIL_ADVISORIES")
		return err == nil && stream.CachedInfo().State.Msgs > 0
	})
}

// A process that stops slowly answers for an event that it got before the reset, when another one has the next event in hand: that is not taken for an answer
// for this one.
func TestResetOfADividedSubscriptionOutlastsLateAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begun, finish := make(chan contrail.Position, 9), map[contrail.Position]chan struct{}{1: make(chan struct{}), 2: make(chan struct{})}
	var tries atomic.Int32
	handle := func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[counted]) error {
		begun <- e.Position
		<-finish[e.Position]
		if e.Position == 2 && tries.Add(1) == 1 {
			return errLost
		}
		_, err := tx.Exec(ctx, `INSERT INTO effects (position) VALUES ($1)`, e.Position)
		return err
	}
	config := subscribers.Config{Partitions: 1}
	stop := w.run(w.handle(config, handle))
	w.append("a-1", 1)
	require.Equal(t, contrail.Position(1), <-begun)
	var stopping sync.WaitGroup
	stopping.Go(stop)
	w.append("a-1", 1)
	w.await(func(got subscriptions.Subscription) bool { return got.Division.Members[0].Leaving && got.Waiting == 0 })
	w.run(w.handle(config, handle))
	_, err := subscriptions.Reset(t.Context(), w.js, w.pool, w.name, subscriptions.ResetTo{Start: subscribers.FromPosition(2), Settle: -1})
	require.NoError(t, err)
	require.Equal(t, contrail.Position(2), <-begun)
	close(finish[1])
	stopping.Wait()
	close(finish[2])
	w.settledInOrder(1, 2)
}

// Whoever resets it dies while he holds the partitions: the processes take them back when his lease has run out.
func TestResetOfADividedSubscriptionByOneWhoDies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.subscribe(divided()))
	w.spread(9)
	w.tookEffect(0, upTo(1, 9)...)
	w.held(1)
	_, err := subscriptions.Reset(t.Context(), &dead{JetStream: w.js}, w.pool, w.name, subscriptions.ResetTo{Forget: true})
	require.ErrorIs(t, err, errCrash)
	require.ErrorContains(t, err, "they do by themselves within 15s")
	got := w.get()
	require.True(t, got.Division.Members[1].Leaving)
	require.Len(t, got.Division.Members[1].Holds, partitions)
	w.spread(1)
	w.await(func(got subscriptions.Subscription) bool {
		return got.Division.Members[0].Alive && len(got.Division.Members[0].Holds) == partitions
	})
	w.tookEffect(0, upTo(1, 10)...)
}

// dead writes nothing any more from when the stream was to be deleted.
type dead struct {
	jetstream.JetStream

	died atomic.Bool
}

func (d *dead) DeleteStream(context.Context, string) error {
	d.died.Store(true)
	return errCrash
}

func (d *dead) KeyValue(ctx context.Context, bucket string) (jetstream.KeyValue, error) {
	kv, err := d.JetStream.KeyValue(ctx, bucket)
	return deadBucket{kv, &d.died}, err
}

type deadBucket struct {
	jetstream.KeyValue

	died *atomic.Bool
}

func (d deadBucket) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	if d.died.Load() {
		return 0, errCrash
	}
	return d.KeyValue.Update(ctx, key, value, revision)
}

func (d deadBucket) Delete(ctx context.Context, key string, options ...jetstream.KVDeleteOpt) error {
	if d.died.Load() {
		return errCrash
	}
	return d.KeyValue.Delete(ctx, key, options...)
}
