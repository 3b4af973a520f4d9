package subscribers_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// requeueAll requeues all dead letters as an operator does, and returns them.
func (w *world) requeueAll(tb testing.TB) []subscribers.DeadLetter {
	tb.Helper()
	stream, err := w.js.Stream(tb.Context(), wire.DefaultDeadLetters)
	require.NoError(tb, err)
	var requeued []subscribers.DeadLetter
	for sequence, letter := range w.buried(tb) {
		_, err := w.js.PublishMsg(tb.Context(), letter.Requeue(wire.DefaultDeadLetters))
		require.NoError(tb, err)
		require.NoError(tb, stream.DeleteMsg(tb.Context(), sequence))
		requeued = append(requeued, letter)
	}
	return requeued
}

// buried are the dead letters by sequence, without the copies of those that were requeued; none while their stream is not there yet.
func (w *world) buried(tb testing.TB) map[uint64]subscribers.DeadLetter {
	tb.Helper()
	found := map[uint64]subscribers.DeadLetter{}
	stream, err := w.js.Stream(tb.Context(), wire.DefaultDeadLetters)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return found
	}
	require.NoError(tb, err)
	state := stream.CachedInfo().State
	for sequence := max(state.FirstSeq, 1); sequence <= state.LastSeq; sequence++ {
		msg, err := stream.GetMsg(tb.Context(), sequence)
		if err != nil {
			require.ErrorIs(tb, err, jetstream.ErrMsgNotFound)
			continue
		}
		if isLetter(msg.Subject) {
			found[sequence], err = subscribers.ParseDeadLetter(msg.Header, msg.Data)
			require.NoError(tb, err)
		}
	}
	return found
}

// awaitBuried waits until there is one.
func (w *world) awaitBuried(tb testing.TB) (letter subscribers.DeadLetter) {
	tb.Helper()
	eventually(tb, func() bool { return len(w.buried(tb)) == 1 })
	for _, letter = range w.buried(tb) {
		return letter
	}
	return letter
}

// requeuedSettled waits until what was requeued to the consumer "test" is answered for.
func (w *world) requeuedSettled(tb testing.TB, count uint64) {
	tb.Helper()
	eventually(tb, func() bool {
		consumer, err := w.js.Consumer(tb.Context(), wire.DefaultDeadLetters, "test")
		if err != nil {
			return false
		}
		info := consumer.CachedInfo()
		return info.Delivered.Consumer >= count && info.NumPending == 0 && info.NumAckPending == 0
	})
}

// fickle is a handler's verdict that can be changed.
type fickle struct{ fails atomic.Bool }

func newFickle() *fickle {
	f := &fickle{}
	f.fails.Store(true)
	return f
}

func (f *fickle) verdict(_ context.Context, e contrail.Delivered[drafted]) error {
	if f.fails.Load() && e.Data.N == poison {
		return errBroken
	}
	return nil
}

// A dead letter that is requeued reaches the one consumer, takes over the dead row and takes effect, once: even if it is requeued twice.
func TestRequeueTakesEffectOnce(t *testing.T) {
	t.Parallel()
	for _, form := range []string{formTx, formSQL} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			w.publishMany(t, 20, 4)
			broken := newFickle()
			sub := w.subscribe(t, subscribers.Config{Inbox: inboxOf(t, pool, form), MaxDeliver: 2})
			register(sub, form, pool, broken.verdict)
			run(t, sub)
			other := w.subscribe(t, subscribers.Config{Durable: "other"})
			subscribers.Handle(other, func(context.Context, contrail.Delivered[drafted]) error { return nil })
			run(t, other)
			w.awaitBuried(t)
			w.settled(t)
			require.Equal(t, [2]int{1, 0}, deadRows(t, pool))

			broken.fails.Store(false)
			letter := w.requeueAll(t)[0]
			w.requeuedSettled(t, 1)
			events, times := effects(t, pool)
			require.Equal(t, [2]int{20, 20}, [2]int{events, times})
			require.Equal(t, [2]int{0, 1}, deadRows(t, pool), "the dead row was taken over")

			again := letter.Requeue(wire.DefaultDeadLetters)
			again.Header.Set(jetstream.MsgIDHeader, "another")
			_, err := w.js.PublishMsg(t.Context(), again)
			require.NoError(t, err)
			w.requeuedSettled(t, 2)
			events, times = effects(t, pool)
			require.Equal(t, [2]int{20, 20}, [2]int{events, times})
			require.Equal(t, int64(1), sub.Stats().Duplicates)
			eventually(t, func() bool { return other.Stats().Handled == 20 })
			require.Equal(t, int64(20), other.Stats().Delivered, "no other consumer sees it")
			require.Empty(t, w.buried(t))
		})
	}
}

// deadRows tells how many rows of the event in question are dead, and how many are not.
func deadRows(tb testing.TB, pool *pgxpool.Pool) (rows [2]int) {
	tb.Helper()
	require.NoError(tb, pool.QueryRow(tb.Context(), `SELECT count(*) FILTER (WHERE dead IS NOT NULL), count(*) FILTER (WHERE dead IS NULL)
		FROM contrail.inbox WHERE consumer = 'test' AND position = $1`, poison+1).Scan(&rows[0], &rows[1]))
	return rows
}

// What was requeued and fails again is a dead letter again, which tells how often that was and what came before; each time has all its deliveries.
func TestRequeueFailsAgain(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	event := w.publish(t, "invoice-1", drafted{N: poison})
	broken := newFickle()
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool), MaxDeliver: 3})
	register(sub, formTx, pool, broken.verdict)
	run(t, sub)
	first := w.awaitBuried(t)
	require.Equal(t, [3]any{0, "", 3}, [3]any{first.Replays, first.CausationID, first.Deliveries})
	before := first
	for replays := 1; replays <= 2; replays++ {
		w.requeueAll(t)
		w.requeuedSettled(t, uint64(3*replays))
		again := w.awaitBuried(t)
		require.Equal(t, [3]any{replays, before.ID(), 3}, [3]any{again.Replays, again.CausationID, again.Deliveries})
		require.Equal(t, [4]any{first.Stream, first.Subject, first.Sequence, event.ID.String()}, [4]any{again.Stream, again.Subject, again.Sequence, again.MsgID})
		require.True(t, first.PublishedAt.Equal(again.PublishedAt))
		require.True(t, again.FailedAt.After(before.FailedAt))
		require.Equal(t, first.Data, again.Data)
		require.Equal(t, first.Header, again.Header)
		before = again
	}
	broken.fails.Store(false)
	w.requeueAll(t)
	w.requeuedSettled(t, 7)
	events, times := effects(t, pool)
	require.Equal(t, [2]int{1, 1}, [2]int{events, times})
	require.Empty(t, w.buried(t))
}

// The dead letter carries the event: it need not be in its own stream any more.
func TestRequeueOfAnEventThatHasAgedOut(t *testing.T) {
	t.Parallel()
	for _, form := range []string{formPlain, formTx} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			event := w.publish(t, "invoice-1", drafted{N: poison})
			broken := newFickle()
			sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool), MaxDeliver: 1})
			got := make(chan contrail.Delivered[drafted], 9)
			register(sub, form, pool, func(ctx context.Context, e contrail.Delivered[drafted]) error {
				got <- e
				return broken.verdict(ctx, e)
			})
			run(t, sub)
			w.awaitBuried(t)
			receive(t, got)
			stream, err := w.js.Stream(t.Context(), wire.DefaultStream)
			require.NoError(t, err)
			require.NoError(t, stream.Purge(t.Context()))

			broken.fails.Store(false)
			w.requeueAll(t)
			again := receive(t, got)
			require.Equal(t, event, again.Recorded)
			require.Equal(t, drafted{N: poison}, again.Data)
			require.Equal(t, contrail.Delivery{Consumer: "test", Sequence: 1, Attempt: 1, Source: source}, again.Delivery)
			w.requeuedSettled(t, 1)
			events, times := effects(t, pool)
			require.Equal(t, [2]int{1, 1}, [2]int{events, times})
		})
	}
}

// A requeued event waits for those of its stream that are in hand, and they for it.
func TestRequeueKeepsTheStreamOneAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broken := newFickle()
	sub := w.subscribe(t, subscribers.Config{MaxDeliver: 1})
	observed := newOrder()
	inside, proceed := make(chan int, 9), make(chan struct{})
	subscribers.Handle(sub, func(ctx context.Context, e contrail.Delivered[drafted]) error {
		observed.mu.Lock()
		busy := observed.busy[e.Stream]
		observed.busy[e.Stream] = true
		observed.mu.Unlock()
		defer observed.end(e, false)
		if busy {
			return contrail.Permanent(errBroken)
		}
		inside <- e.Data.N
		if e.Data.N == slow {
			<-proceed
		}
		return broken.verdict(ctx, e)
	})
	run(t, sub)
	w.publish(t, "invoice-1", drafted{N: poison})
	require.Equal(t, poison, receive(t, inside))
	w.awaitBuried(t)
	w.publish(t, "invoice-1", drafted{N: slow})
	require.Equal(t, slow, receive(t, inside))
	broken.fails.Store(false)
	w.requeueAll(t)
	eventually(t, func() bool { return sub.Stats().Delivered == 3 })
	w.publish(t, "invoice-2", drafted{N: 1})
	require.Equal(t, 1, receive(t, inside), "others don't wait")
	close(proceed)
	require.Equal(t, poison, receive(t, inside))
	w.settled(t)
	w.requeuedSettled(t, 1)
	require.Empty(t, w.buried(t))
}
