package subscribers_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

func TestParseDeadLetterRefusesOtherMessages(t *testing.T) {
	t.Parallel()
	_, err := subscribers.ParseDeadLetter(nil, []byte("{}"))
	require.ErrorIs(t, err, subscribers.ErrNotDeadLetter)
	require.ErrorContains(t, err, "Contrail-Consumer is missing")
}

// The same event fails for good twice: after a crash, or after a reset of the consumer. Its dead letter is there once, unless the first
// was discarded.
func TestDeadLetterOnceUnlessDiscarded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "invoice-1", drafted{})
	fail := func() {
		sub := w.subscribe(t, subscribers.Config{})
		subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error { return contrail.Permanent(errBroken) })
		stop := run(t, sub)
		w.settled(t)
		stop()
		require.NoError(t, w.js.DeleteConsumer(t.Context(), wire.DefaultStream, "test"))
	}
	fail()
	fail()
	require.Len(t, w.deadLetters(t), 1)
	stream, err := w.js.Stream(t.Context(), wire.DefaultDeadLetters)
	require.NoError(t, err)
	require.NoError(t, stream.Purge(t.Context()))
	fail()
	require.Len(t, w.deadLetters(t), 1)
}

// While there is nowhere to put a dead letter the event stays in hand, on its last delivery, however long that takes.
func TestDeadLetterIsTriedUntilItIsSafe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	logged := newLog()
	sub := w.subscribe(t, subscribers.Config{MaxDeliver: 1, AckWait: 300 * time.Millisecond, Logger: logged.logger()})
	running, proceed := make(chan struct{}, 9), make(chan struct{})
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error {
		running <- struct{}{}
		<-proceed
		return errBroken
	})
	w.publish(t, "invoice-1", drafted{})
	run(t, sub)
	receive(t, running)
	w.limitDeadLetters(t, 1)
	close(proceed)
	for range 6 {
		logged.await(t, "dead letter can't be published")
	}
	w.limitDeadLetters(t, -1)
	w.settled(t)
	require.Len(t, w.deadLetters(t), 1)
	require.Equal(t, int64(1), sub.Stats().Delivered)
}

func (w *world) limitDeadLetters(tb testing.TB, maxBytes int32) {
	tb.Helper()
	stream, err := w.js.Stream(tb.Context(), wire.DefaultDeadLetters)
	require.NoError(tb, err)
	config := stream.CachedInfo().Config
	config.MaxMsgSize = maxBytes
	_, err = w.js.UpdateStream(tb.Context(), config)
	require.NoError(tb, err)
}

func TestDeletedStreamOfDeadLettersIsMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.subscribe(t, subscribers.Config{MaxDeliver: 1})
	running, proceed := make(chan struct{}, 9), make(chan struct{})
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error {
		running <- struct{}{}
		<-proceed
		return errBroken
	})
	w.publish(t, "invoice-1", drafted{})
	run(t, sub)
	receive(t, running)
	require.NoError(t, w.js.DeleteStream(t.Context(), wire.DefaultDeadLetters))
	close(proceed)
	w.settled(t)
	require.Len(t, w.deadLetters(t), 1)
}

// An event so large that its dead letter has no room for what there is to say.
func TestDeadLetterOfAnEventNearTheSizeLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.subscribe(t, subscribers.Config{})
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error {
		return contrail.Permanent(errors.New(strings.Repeat("long story ", 1000)))
	})
	payload := strings.Repeat("x", int(w.js.Conn().MaxPayload())-1000)
	_, err := w.js.PublishMsg(t.Context(), &nats.Msg{Subject: "events.invoice.1.InvoiceDrafted", Data: []byte(payload)})
	require.NoError(t, err)
	event := w.event("invoice-2", drafted{})
	event.Data = []byte(`{"n":1,"pad":"` + payload[:len(payload)-1000] + `"}`)
	w.send(t, event)
	run(t, sub)
	w.settled(t)
	letters := w.deadLetters(t)
	require.Len(t, letters, 2)
	require.Equal(t, payload, string(letters[0].Data))
	require.Equal(t, subscribers.ReasonPermanent, letters[1].Reason)
	require.NotEmpty(t, letters[1].Error)
	require.Empty(t, letters[1].ErrorChain)
}

func TestDeadLettersStreamThatIsSomethingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: wire.DefaultDeadLetters, Subjects: []string{"other.>"}})
	require.NoError(t, err)
	sub := w.subscribe(t, subscribers.Config{})
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error { return nil })
	require.ErrorContains(t, sub.Run(t.Context()), "DeadLetters: stream DEADLETTERS exists, but does not take the subjects deadletters.>")
}
