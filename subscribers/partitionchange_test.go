package subscribers_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// numbers collects the numbers of drafts that were handled, in order.
type numbers struct {
	mu  sync.Mutex
	all []int
}

func (n *numbers) handle(_ context.Context, e contrail.Delivered[drafted]) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, e.Data.N)
	return nil
}

// await waits for these and wants no others, each once, in any order.
func (n *numbers) await(tb testing.TB, wanted ...int) {
	tb.Helper()
	sorted := func() []int {
		n.mu.Lock()
		defer n.mu.Unlock()
		return slices.Sorted(slices.Values(n.all))
	}
	eventually(tb, func() bool { return len(sorted()) >= len(wanted) })
	require.Equal(tb, wanted, sorted())
}

// divide runs a member until stop is called.
func (w *world) divide(tb testing.TB, config subscribers.Config, got *numbers) (stop func()) {
	tb.Helper()
	sub := w.member(tb, config)
	subscribers.Handle(sub, got.handle)
	return run(tb, sub)
}

// dry waits until nothing waits in the partitions.
func (w *world) dry(tb testing.TB) {
	tb.Helper()
	eventually(tb, func() bool {
		stream, err := w.js.Stream(tb.Context(), "EVENTS_test")
		if err != nil {
			return false
		}
		for info := range stream.ListConsumers(tb.Context()).Info() {
			if info.NumPending > 0 || info.NumAckPending > 0 {
				return false
			}
		}
		return true
	})
}

// Start counts when the durable is new; then it goes on where it was, also with what came while nobody ran.
func TestPartitionsStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "invoice-1", drafted{N: 1})
	config := divided()
	config.Start = subscribers.FromPosition(2)
	w.publish(t, "invoice-2", drafted{N: 2})
	var got numbers
	stop := w.divide(t, config, &got)
	got.await(t, 2)
	stop()
	w.publish(t, "invoice-1", drafted{N: 3})
	config.Start = subscribers.FromNew()
	stop = w.divide(t, config, &got)
	got.await(t, 2, 3)
	stop()
}

// A durable that was not divided goes on where it stands.
func TestPartitionsOfADurableThatWasNotDivided(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 3 {
		w.publish(t, "invoice-1", drafted{N: n})
	}
	var got numbers
	config := divided()
	config.Partitions = 0
	stop := w.divide(t, config, &got)
	got.await(t, 0, 1, 2)
	w.settled(t)
	stop()
	w.publish(t, "invoice-1", drafted{N: 3})
	w.divide(t, divided(), &got)
	got.await(t, 0, 1, 2, 3)
}

// The number of partitions does not change while events wait or others run. Otherwise it does, and no event is lost or comes twice.
func TestPartitionsChangeTheirNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var got numbers
	stop := w.divide(t, divided(), &got)
	for n := range 20 {
		w.publish(t, "invoice-"+string(rune('a'+n)), drafted{N: n})
	}
	eventually(t, func() bool { return len(w.holds(t)) == 1 })
	more := divided()
	more.Partitions = 7
	refused := func() error {
		sub := w.member(t, more)
		subscribers.Handle(sub, got.handle)
		return sub.Run(t.Context())
	}
	require.ErrorContains(t, refused(), "Partitions: 1 processes are running that divide the events of test into 4; stop them")
	got.await(t, slices.Collect(seq(20))...)
	w.dry(t)
	stop()

	w.publish(t, "invoice-a", drafted{N: 20})
	eventually(t, func() bool { return w.copies(t) == 21 })
	require.ErrorContains(t, refused(), "the events of test are divided into 4, and 1 of them wait; run it with Partitions: 4")
	stop = w.divide(t, divided(), &got)
	got.await(t, slices.Collect(seq(21))...)
	w.dry(t)
	stop()

	stop = w.divide(t, more, &got)
	w.shares(t, 7)
	for n := range 20 {
		w.publish(t, "invoice-"+string(rune('a'+n)), drafted{N: 21 + n})
	}
	got.await(t, slices.Collect(seq(41))...)
	membership, err := subscribers.Members(t.Context(), w.js, "EVENTS", "test")
	require.NoError(t, err)
	require.Equal(t, 7, membership.Partitions)
	require.Empty(t, membership.Free)
	stop()
}

func seq(count int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for n := range count {
			if !yield(n) {
				return
			}
		}
	}
}

// copies is the sequence of the last copy.
func (w *world) copies(tb testing.TB) uint64 {
	tb.Helper()
	stream, err := w.js.Stream(tb.Context(), "EVENTS_test")
	require.NoError(tb, err)
	return stream.CachedInfo().State.LastSeq
}

// What is selected may change: what was passed does not come back, and nothing comes twice.
func TestPartitionsFollowTheirFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var got numbers
	config := divided()
	config.Categories = []string{"invoice"}
	stop := w.divide(t, config, &got)
	w.publish(t, "order-1", drafted{N: 1})
	w.publish(t, "invoice-1", drafted{N: 2})
	got.await(t, 2)
	w.dry(t)
	stop()
	require.EqualValues(t, 1, w.copies(t))
	config.Categories = []string{"invoice", "order"}
	stop = w.divide(t, config, &got)
	w.shares(t, 4)
	w.publish(t, "order-1", drafted{N: 3})
	w.publish(t, "invoice-1", drafted{N: 4})
	got.await(t, 2, 3, 4)
	stop()
}

// Copies that are settled are deleted, but for the last one, which says up to where there are any.
func TestPartitionsArePruned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publishMany(t, 100, 10)
	sub := w.member(t, divided())
	proceed := make(chan struct{})
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		if e.Data.N == 50 {
			<-proceed
		}
		return nil
	})
	run(t, sub)
	eventually(t, func() bool { return sub.Stats().Handled == 95 }) // 50 holds up 60 to 90
	prune := func() (first, count uint64) {
		settled, err := sub.PruneOnce(t.Context(), 0)
		require.NoError(t, err)
		_, err = sub.PruneOnce(t.Context(), settled)
		require.NoError(t, err)
		stream, err := w.js.Stream(t.Context(), "EVENTS_test")
		require.NoError(t, err)
		state := stream.CachedInfo().State
		return state.FirstSeq, state.Msgs
	}
	eventually(t, func() bool { first, count := prune(); return first == 51 && count == 50 })
	close(proceed)
	w.dry(t)
	first, count := prune()
	require.Equal(t, [2]uint64{100, 1}, [2]uint64{first, count})
	w.restart(t)
	w.publish(t, "invoice-1", drafted{N: 100})
	eventually(t, func() bool { return sub.Stats().Handled == 101 })
}

// The relay's stream is deleted, and published anew.
func TestPartitionsOfAStreamMadeAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var got numbers
	w.divide(t, divided(), &got)
	w.publish(t, "invoice-1", drafted{N: 1})
	w.publish(t, "invoice-1", drafted{N: 2})
	got.await(t, 1, 2)
	require.NoError(t, w.js.DeleteStream(t.Context(), "EVENTS"))
	w.createStream(t)
	w.publish(t, "invoice-1", drafted{N: 3})
	require.Eventually(t, func() bool { return w.copies(t) == 3 }, 2*time.Minute, 100*time.Millisecond) // the broker looks rarely
	got.await(t, 1, 2, 3)
}

// Somebody deletes the stream of the partitions and the members' bucket: both are made anew.
func TestPartitionsOutlastTheirStreams(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var got numbers
	config := divided()
	w.divide(t, config, &got)
	w.publish(t, "invoice-1", drafted{N: 1})
	got.await(t, 1)
	w.dry(t)
	require.NoError(t, w.js.DeleteKeyValue(t.Context(), subscribers.MemberBucket("EVENTS", "test")))
	w.publish(t, "invoice-1", drafted{N: 2})
	got.await(t, 1, 2)
	w.shares(t, 4)
	w.dry(t)
	require.NoError(t, w.js.DeleteStream(t.Context(), "EVENTS_test"))
	require.Eventually(t, func() bool {
		_, err := w.js.Stream(t.Context(), "EVENTS_test")
		return err == nil
	}, 2*patience, 100*time.Millisecond)
	got.await(t, 1, 1, 2, 2) // from Start again, which was the beginning
}

// A stream of that name that is somebody else's is left alone.
func TestPartitionsRefuseAForeignStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "EVENTS_test", Subjects: []string{"other"}})
	require.NoError(t, err)
	sub := w.member(t, divided())
	subscribers.Handle(sub, (&numbers{}).handle)
	require.ErrorContains(t, sub.Run(t.Context()), "stream EVENTS_test exists, and was not made for the partitions of test")
}

// What is wrong with the handlers ends Run, whichever session learns of it.
func TestPartitionsEndWithAFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.member(t, divided())
	subscribers.Handle(sub, (&numbers{}).handle)
	ended := make(chan error, 1)
	go func() { ended <- sub.Run(t.Context()) }()
	w.shares(t, 4)
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[issued]) error { return nil })
	require.ErrorContains(t, receive(t, ended), "register handlers before Run")
	w.shares(t)
}
