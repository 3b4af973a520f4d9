package subscribers_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// Names that the broker or the database would not take, and a start that means nothing, are refused at once.
func TestNewRefusesWhatNobodyTakes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config subscribers.Config
		want   string
	}{
		"position 0":   {subscribers.Config{Durable: "test", Start: subscribers.FromPosition(0)}, "Start: position 0 is not above zero"},
		"invalid UTF8": {subscribers.Config{Durable: "b\xff"}, `Durable: "b\xff" must not contain`},
		"NUL":          {subscribers.Config{Durable: "b\x00"}, `Durable: "b\x00" must not contain`},
		"vertical tab": {subscribers.Config{Durable: "c\v"}, `Durable: "c\v" must not contain`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := subscribers.New(newWorld(t).js, c.config)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// What only the broker can refuse ends Run, and before anything is delivered.
func TestRunRefusesWhatTheBrokerDoesNotTake(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]subscribers.Config{
		"dead letters in the stream itself": {Durable: "test", DeadLetters: wire.DefaultStream},
		"name too long":                     {Durable: strings.Repeat("x", 250)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.publish(t, "invoice-1", drafted{})
			sub, err := subscribers.New(w.js, config)
			if err == nil {
				subscribers.Handle(sub, succeed)
				err = outcome(t, sub)
				require.Zero(t, sub.Stats().Delivered)
			}
			require.Error(t, err)
		})
	}
}

// drafting is another payload of the type's name.
type drafting struct {
	M string `json:"m"`
}

func (drafting) EventType() string { return "InvoiceDrafted" }

// A handler that takes another payload than the codec makes of its events: Run ends before one of them is a dead letter for it.
func TestHandlerOfAnotherPayloadThanTheCodecs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publishMany(t, 200, 1)
	sub := w.subscribe(t, subscribers.Config{Codec: codec.MustNew(codec.Type[drafting]()), MaxDeliver: 3})
	subscribers.Handle(sub, succeed)
	require.ErrorContains(t, outcome(t, sub), "register the same type with both")
	require.Empty(t, w.deadLetters(t))
}

// A consumer that somebody has limited in its pulls, which would refuse every one of a subscription's, is not limited any more.
func TestConsumerWithALimitOfItsPulls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const count = 20
	w.publishMany(t, count, 5)
	_, err := w.js.CreateConsumer(t.Context(), wire.DefaultStream, jetstream.ConsumerConfig{
		Durable: "test", AckPolicy: jetstream.AckExplicitPolicy, MaxRequestBatch: 10, FilterSubject: "events.>",
	})
	require.NoError(t, err)
	sub := w.subscribe(t, subscribers.Config{})
	subscribers.Handle(sub, succeed)
	run(t, sub)
	w.settled(t)
	require.Equal(t, int64(count), sub.Stats().Handled)
}

// An event of a former type has become two, of which a handler skips one: the other's is called.
func TestSkipOfOnePartOfAnEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := func(d drafted) (drafted, error) { return d, nil }
	two := func(d issued) (issued, error) { return d, nil }
	both := codec.MustNew(codec.Type[drafted](), codec.Type[issued](), codec.Upcast("Both", 1,
		codec.Split(codec.Into("InvoiceDrafted", 1, one), codec.Into("InvoiceIssued", 1, two))))
	sub := w.subscribe(t, subscribers.Config{Codec: both})
	var handled calls
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error {
		handled.add(1)
		return contrail.Skip("not ours")
	})
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[issued]) error {
		handled.add(2)
		return nil
	})
	event := w.event("invoice-1", drafted{})
	event.Type = "Both"
	w.send(t, event)
	run(t, sub)
	w.settled(t)
	require.Equal(t, [2]int{1, 1}, [2]int{handled.of(1), handled.of(2)})
}

// The consumer is paused while an event waits for its retry, for longer than an ack may take: the one behind it still waits for it.
func TestPauseKeepsTheOrderOfARetry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "invoice-1", drafted{N: 1})
	w.publish(t, "invoice-1", drafted{N: 2})
	sub := w.subscribe(t, subscribers.Config{
		AckWait: 300 * time.Millisecond, Backoff: subscribers.Backoff{Min: time.Second, Max: time.Second},
	})
	var mu sync.Mutex
	var order []int
	failed := make(chan struct{}, 1)
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		if e.Data.N == 1 && e.Delivery.Attempt == 1 {
			failed <- struct{}{}
			return errBroken
		}
		mu.Lock()
		defer mu.Unlock()
		order = append(order, e.Data.N)
		return nil
	})
	run(t, sub)
	receive(t, failed)
	eventually(t, func() bool { return sub.Stats().Delivered == 2 })
	_, err := w.js.PauseConsumer(t.Context(), wire.DefaultStream, "test", time.Now().Add(4*time.Second))
	require.NoError(t, err)
	w.settled(t)
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []int{1, 2}, order)
}
