package subscribers_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// awkward is an event with whatever a header can't hold as it is.
func (w *world) awkward(n int) contrail.Recorded {
	event := w.event(`invoice-é%"42"`, drafted{N: n})
	event.Metadata = contrail.Metadata{"tenant_id": "acme", "empty": "", "space": "  a ", "lines": "a\r\nb: c\t", "percent": "100%41", "wide": "世🎉"}
	return event
}

// A stream's format changes in the middle: whoever reads it does not notice.
func TestBothFormatsReachEveryReader(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	var sent []contrail.Recorded
	for n := range 6 {
		w.format = wire.Format(n / 3)
		event := w.awkward(n)
		w.send(t, event)
		sent = append(sent, event)
	}
	handled := make(chan contrail.Recorded, len(sent))
	sub := w.subscribe(t, subscribers.Config{})
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		handled <- e.Recorded
		return nil
	})
	run(t, sub)
	projected := make(chan contrail.Recorded, len(sent))
	run(t, w.projection(t, pool, subscribers.ProjectionConfig{},
		func(_ context.Context, _ pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
			for _, e := range events {
				projected <- e.Recorded
			}
			return nil
		}))
	for _, want := range sent {
		require.Equal(t, want, receive(t, handled))
		require.Equal(t, want, receive(t, projected))
	}
}

// A dead letter can be read again as the event that it was.
func TestDeadLetterKeepsTheEventInEitherFormat(t *testing.T) {
	t.Parallel()
	for _, format := range []wire.Format{wire.Structured, wire.Binary} {
		t.Run(format.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.format = format
			plain, resent := w.awkward(1), w.awkward(2)
			w.send(t, plain)
			w.resend(t, resent, wire.ResentRequeue, 1)
			sub := w.subscribe(t, subscribers.Config{})
			subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error { return contrail.Permanent(errBroken) })
			run(t, sub)
			w.settled(t)
			letters := w.deadLetters(t)
			require.Len(t, letters, 2)
			for i, want := range []contrail.Recorded{plain, resent} {
				require.Equal(t, subscribers.ReasonPermanent, letters[i].Reason)
				message, err := wire.DecodeMessage(letters[i].Header, letters[i].Data)
				require.NoError(t, err)
				require.Equal(t, wire.Message{Recorded: want, Source: source}, message)
			}
			stream, err := w.js.Stream(t.Context(), wire.DefaultDeadLetters)
			require.NoError(t, err)
			msg, err := stream.GetMsg(t.Context(), 1)
			require.NoError(t, err)
			require.Equal(t, "deadletters.events.test.invoice.InvoiceDrafted", msg.Subject)
		})
	}
}

// A binary message whose headers say nothing that makes sense is foreign, whatever its payload.
func TestForeignHeadersAreADeadLetter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.format = wire.Binary
	for name, value := range map[string]string{"ce-time": "now", wire.HeaderAfter: "1"} {
		msg := w.message(t, w.event("invoice-1", drafted{}))
		msg.Header[name] = []string{value}
		_, err := w.js.PublishMsg(t.Context(), msg)
		require.NoError(t, err)
	}
	sub := w.subscribe(t, subscribers.Config{})
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error { return nil })
	run(t, sub)
	w.settled(t)
	letters := w.deadLetters(t)
	require.Len(t, letters, 2)
	for _, letter := range letters {
		require.Equal(t, subscribers.ReasonForeign, letter.Reason)
	}
}

// Subjects need not tell stream and type for the events of a stream to be handled in order, and many in one transaction.
func TestOrderDoesNotDependOnSubjects(t *testing.T) {
	t.Parallel()
	for _, format := range []wire.Format{wire.Structured, wire.Binary} {
		t.Run(format.String(), func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			w.format, w.template = format, "{type}.{user_id}.all"
			const count = 24
			for n := range count {
				payload := contrail.Payload(drafted{N: n})
				if n%2 == 1 {
					payload = issued{N: n}
				}
				event := w.event("invoice-1", payload)
				event.Metadata = contrail.Metadata{"user_id": string(rune('a' + n%3))}
				_, err := w.js.PublishMsgAsync(w.message(t, event), jetstream.WithMsgID(event.ID.String()))
				require.NoError(t, err)
			}
			<-w.js.PublishAsyncComplete()
			done := make(chan int, 9*count)
			sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool)})
			handle := func(n, attempt int) error {
				if n%5 == 0 && attempt == 1 {
					return errBroken
				}
				done <- n
				return nil
			}
			subscribers.HandleTx(sub, func(_ context.Context, _ pgx.Tx, e contrail.Delivered[drafted]) error {
				return handle(e.Data.N, e.Delivery.Attempt)
			})
			subscribers.HandleTx(sub, func(_ context.Context, _ pgx.Tx, e contrail.Delivered[issued]) error {
				return handle(e.Data.N, e.Delivery.Attempt)
			})
			run(t, sub)
			w.settled(t)
			close(done)
			next := 0
			for n := range done { // a handler is called again for what shared a transaction with a failure
				require.LessOrEqual(t, n, next)
				if n == next {
					next++
				}
			}
			require.Equal(t, count, next)
			require.Equal(t, int64(count), sub.Stats().Handled)
		})
	}
}
