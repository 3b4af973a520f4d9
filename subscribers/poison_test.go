package subscribers_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// panicking is a payload whose own code panics when it is decoded.
type panicking struct{}

func (panicking) EventType() string { return "InvoiceDrafted" }

func (*panicking) UnmarshalJSON([]byte) error { panic("not of this kind") }

// A panic in a payload's own decoding is a dead letter and does not end the process.
func TestPayloadThatPanicsWhenDecoded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.subscribe(t, subscribers.Config{})
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[panicking]) error { return nil })
	run(t, sub)
	w.publish(t, "invoice-1", drafted{})
	letter := w.awaitLetters(t, 1)[0]
	require.Contains(t, letter.Error, "not of this kind")
	w.settled(t)
}

// typedNilError is an error that can't be asked for its text when it is nil.
type typedNilError struct{ text string }

func (f *typedNilError) Error() string { return f.text }

// A handler returns a nil pointer as an error, as happens: it has failed, and the process goes on.
func TestHandlerThatReturnsATypedNil(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.subscribe(t, subscribers.Config{MaxDeliver: 2})
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error {
		var fault *typedNilError
		return fault
	})
	run(t, sub)
	w.publish(t, "invoice-1", drafted{})
	letter := w.awaitLetters(t, 1)[0]
	require.Equal(t, [2]any{subscribers.ReasonExhausted, 2}, [2]any{letter.Reason, letter.Deliveries})
	w.settled(t)
}

// A foreign message is as large as the broker takes any, so that a dead letter with it and its headers is larger: it is put aside all the same, and holds
// nobody up.
func TestForeignMessageOfTheLargestSize(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.subscribe(t, subscribers.Config{Concurrency: 1})
	var handled calls
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		handled.add(e.Data.N)
		return nil
	})
	run(t, sub)
	_, err := w.js.PublishMsg(t.Context(), &nats.Msg{Subject: "events.x.y.z", Data: make([]byte, w.js.Conn().MaxPayload())})
	require.NoError(t, err)
	w.publish(t, "invoice-1", drafted{N: 1})
	eventually(t, func() bool { return handled.of(1) == 1 })
	w.awaitLetters(t, 1)
	w.settled(t)
}

// Two foreign messages have the same message id, at times between which the broker has forgotten it: each is a dead letter.
func TestForeignMessagesOfOneID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.js.UpdateStream(t.Context(), jetstream.StreamConfig{
		Name: wire.DefaultStream, Subjects: []string{"events.>"}, Duplicates: 100 * time.Millisecond,
	})
	require.NoError(t, err)
	sub := w.subscribe(t, subscribers.Config{})
	subscribers.Handle(sub, succeed)
	run(t, sub)
	for _, text := range []string{"one", "two"} {
		eventually(t, func() bool {
			ack, err := w.js.PublishMsg(t.Context(), &nats.Msg{
				Subject: "events.a.b.c", Data: []byte(text), Header: nats.Header{wire.HeaderMsgID: {"m-1"}},
			})
			return err == nil && !ack.Duplicate
		})
	}
	w.awaitLetters(t, 2)
	w.settled(t)
}

// An encrypted event of a type that has no handler is nobody's, with a codec and without.
func TestEncryptedEventWithoutAHandler(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]subscribers.Config{
		"no codec": {}, "codec": {Codec: codec.MustNew(codec.Type[drafted]())},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			sub := w.subscribe(t, config)
			subscribers.Handle(sub, succeed)
			run(t, sub)
			event := w.event("invoice-1", issued{})
			event.Metadata[contrail.KeySealedWith] = "k1"
			event.Sealed = true
			event.Data = json.RawMessage(`"AAAA"`)
			w.send(t, event)
			w.settled(t)
			require.Empty(t, w.deadLetters(t))
			require.Equal(t, int64(1), sub.Stats().Unhandled)
		})
	}
}
