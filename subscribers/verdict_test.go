package subscribers_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

var errBroken = errors.New("the printer is on fire")

// calls counts a handler's calls by event.
type calls struct {
	mu    sync.Mutex
	count map[int]int
}

func (c *calls) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == nil {
		c.count = map[int]int{}
	}
	c.count[n]++
}

func (c *calls) of(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count[n]
}

// Three poisonous events among many: each becomes a dead letter with its reason, and harms no other.
func TestPoison(t *testing.T) {
	t.Parallel()
	const (
		count, maxDeliver                = 30, 3
		alwaysFails, panics, isPermanent = 4, 11, 17
	)
	poison := func(n int) error {
		switch n {
		case alwaysFails:
			return fmt.Errorf("print invoice: %w", errBroken)
		case panics:
			panic("index out of paper")
		case isPermanent:
			return contrail.Permanent(errBroken)
		}
		return nil
	}
	for name, register := range map[string]func(*subscribers.Subscription, func(int) error){
		"Handle": func(sub *subscribers.Subscription, handle func(int) error) {
			subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error { return handle(e.Data.N) })
		},
		"HandleTx": func(sub *subscribers.Subscription, handle func(int) error) {
			subscribers.HandleTx(sub, func(_ context.Context, _ pgx.Tx, e contrail.Delivered[drafted]) error { return handle(e.Data.N) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			var handled calls
			sub := w.subscribe(t, subscribers.Config{MaxDeliver: maxDeliver, Inbox: subscribers.NewInbox(pool)})
			register(sub, func(n int) error {
				handled.add(n)
				return poison(n)
			})
			w.publishMany(t, count, 5)
			run(t, sub)
			w.settled(t)

			letters := map[int]subscribers.DeadLetter{}
			for _, letter := range w.deadLetters(t) {
				message, err := wire.Decode(letter.Data)
				require.NoError(t, err)
				letters[int(message.Position)-1] = letter
			}
			require.Len(t, letters, 3)
			require.Equal(t, subscribers.ReasonExhausted, letters[alwaysFails].Reason)
			require.Equal(t, maxDeliver, letters[alwaysFails].Deliveries)
			require.Equal(t, []string{"print invoice: the printer is on fire", "the printer is on fire"}, letters[alwaysFails].ErrorChain)
			require.Equal(t, maxDeliver, letters[panics].Deliveries)
			require.Equal(t, "panic: index out of paper", letters[panics].Error)
			require.Contains(t, letters[panics].Stack, "verdict_test.go")
			require.Equal(t, subscribers.ReasonPermanent, letters[isPermanent].Reason)
			require.Equal(t, 1, letters[isPermanent].Deliveries)
			for n := range count {
				if poison := letters[n]; poison.Reason == "" {
					require.NotZero(t, handled.of(n), "event %d was not handled", n)
				}
			}
			require.InDelta(t, maxDeliver, handled.of(alwaysFails), 1, "once more at most: in the batch that it broke")
			require.Equal(t, int64(count-3), sub.Stats().Handled)
			require.Equal(t, int64(3), sub.Stats().DeadLettered)
			require.Equal(t, int64(2*(maxDeliver-1)), sub.Stats().Retried)
		})
	}
}

func TestRetryAfterSetsTheDelay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const delay = 300 * time.Millisecond
	sub := w.subscribe(t, subscribers.Config{Backoff: subscribers.Backoff{Min: time.Hour, Max: time.Hour}}) // nobody waits for that
	at := make(chan time.Time, 2)
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		at <- time.Now()
		if e.Delivery.Attempt == 1 {
			return contrail.RetryAfter(delay, errBroken)
		}
		return nil
	})
	w.publish(t, "invoice-1", drafted{})
	run(t, sub)
	first, second := receive(t, at), receive(t, at)
	require.GreaterOrEqual(t, second.Sub(first), delay)
}

func TestRetryAfterZeroComesBackAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.subscribe(t, subscribers.Config{MaxDeliver: 100, AckWait: time.Minute})
	attempts := make(chan int, 100)
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		attempts <- e.Delivery.Attempt
		return contrail.RetryAfter(0, errBroken)
	})
	w.publish(t, "invoice-1", drafted{})
	run(t, sub)
	for attempt := 1; attempt <= 100; attempt++ {
		require.Equal(t, attempt, receive(t, attempts))
	}
	w.settled(t)
	require.Len(t, w.deadLetters(t), 1)
}

// Delays beyond reason neither let later events of the stream overtake, nor fail.
func TestRetryAfterIsBounded(t *testing.T) {
	t.Parallel()
	for delay, want := range map[time.Duration]string{math.MaxInt64: "after=720h0m0s", math.MinInt64: "after=0s"} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			w, logged := newWorld(t), newLog()
			sub := w.subscribe(t, subscribers.Config{Logger: logged.logger()})
			handled := make(chan int, 9)
			subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
				handled <- e.Data.N
				if e.Data.N == 1 && e.Delivery.Attempt == 1 {
					return contrail.RetryAfter(delay, errBroken)
				}
				return nil
			})
			w.publish(t, "invoice-1", drafted{N: 1})
			w.publish(t, "invoice-1", drafted{N: 2})
			run(t, sub)
			require.Equal(t, 1, receive(t, handled))
			logged.await(t, want)
			if delay < 0 {
				require.Equal(t, 1, receive(t, handled))
				require.Equal(t, 2, receive(t, handled))
				return
			}
			w.publish(t, "invoice-2", drafted{N: 3})
			require.Equal(t, 3, receive(t, handled), "2 waits for 1")
		})
	}
}

// A handler that ends its goroutine, as testing's FailNow does, takes no worker along.
func TestGoexitIsAFailure(t *testing.T) {
	t.Parallel()
	exitAt2 := func(n int) {
		if n == 2 {
			runtime.Goexit()
		}
	}
	for name, register := range map[string]func(*subscribers.Subscription){
		"Handle": func(sub *subscribers.Subscription) {
			subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
				exitAt2(e.Data.N)
				return nil
			})
		},
		"HandleTx": func(sub *subscribers.Subscription) {
			subscribers.HandleTx(sub, func(_ context.Context, _ pgx.Tx, e contrail.Delivered[drafted]) error {
				exitAt2(e.Data.N)
				return nil
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pgtest.New(t)), MaxDeliver: 3, Concurrency: 1})
			register(sub)
			w.publishMany(t, 20, 3)
			run(t, sub)
			w.settled(t)
			letters := w.deadLetters(t)
			require.Len(t, letters, 1)
			require.Equal(t, subscribers.ReasonExhausted, letters[0].Reason)
			require.Equal(t, 3, letters[0].Deliveries)
			require.Equal(t, "the handler called runtime.Goexit", letters[0].Error)
			require.Equal(t, int64(19), sub.Stats().Handled)
		})
	}
}

func TestWhatCannotBeDecodedIsADeadLetterAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.subscribe(t, subscribers.Config{})
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error { return nil })

	_, err := w.js.PublishMsg(t.Context(), &nats.Msg{
		Subject: "events.invoice.1.InvoiceDrafted", Data: []byte("hello"),
		Header: nats.Header{"X-Note": {"kept"}, "Nats-Msg-Id": {"m-1"}, "Nats-Expected-Last-Sequence": {"0"}},
	})
	require.NoError(t, err)
	event := w.event("invoice-1", drafted{})
	event.Data = []byte(`{"n":"many"}`)
	w.send(t, event)
	w.publish(t, "invoice-1", drafted{})
	run(t, sub)
	w.settled(t)

	letters := w.deadLetters(t)
	require.Len(t, letters, 2)
	foreign, misfit, subjects := letters[0], letters[1], []string{"deadletters.foreign.test", "deadletters.events.test.invoice.InvoiceDrafted"}
	if foreign.Reason != subscribers.ReasonForeign { // what is of no stream is in nobody's order
		foreign, misfit = misfit, foreign
		slices.Reverse(subjects)
	}
	require.Equal(t, subscribers.ReasonForeign, foreign.Reason)
	require.Equal(t, "hello", string(foreign.Data))
	require.Equal(t, nats.Header{"X-Note": {"kept"}}, foreign.Header)
	require.Equal(t, "m-1", foreign.MsgID)
	require.Equal(t, "test", foreign.Consumer)
	require.Equal(t, wire.DefaultStream, foreign.Stream)
	require.Equal(t, "events.invoice.1.InvoiceDrafted", foreign.Subject)
	require.Equal(t, uint64(1), foreign.Sequence)
	require.Equal(t, 1, foreign.Deliveries)
	require.WithinDuration(t, time.Now(), foreign.PublishedAt, time.Minute)
	require.WithinDuration(t, time.Now(), foreign.FailedAt, time.Minute)
	require.Equal(t, subscribers.ReasonUndecodable, misfit.Reason)
	require.Contains(t, misfit.Error, "decode the data of a InvoiceDrafted")
	require.Equal(t, nats.Header{wire.HeaderContentType: {wire.ContentType}}, misfit.Header)
	require.Equal(t, int64(1), sub.Stats().Handled)

	stream, err := w.js.Stream(t.Context(), wire.DefaultDeadLetters)
	require.NoError(t, err)
	first, err := stream.GetMsg(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, subjects[0], first.Subject)
	second, err := stream.GetMsg(t.Context(), 2)
	require.NoError(t, err)
	require.Equal(t, subjects[1], second.Subject)
}
