package plain_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/docs/examples/plain"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers"
)

func parse(t *testing.T, letter *jetstream.RawStreamMsg) subscribers.DeadLetter {
	t.Helper()
	parsed, err := subscribers.ParseDeadLetter(letter.Header, letter.Data)
	require.NoError(t, err)
	require.Equal(t, parsed.ID(), letter.Header.Get(jetstream.MsgIDHeader))
	return parsed
}

func TestEventThatFailsForGoodBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, publisher.Config{})
	w.consume(t, plain.Config{MaxDeliver: 3, Delay: time.Millisecond}, func(_ context.Context, _ *sql.Tx, e plain.Event) error {
		if e.Type == "OrderPaid" {
			return fmt.Errorf("book: %w", errors.New("no\nroom"))
		}
		return fmt.Errorf("%w: no such customer", plain.ErrPermanent)
	})
	w.record(t, "order-1", "OrderPlaced", `{}`)
	w.record(t, "order-1", "OrderPaid", `{}`)
	letters := w.letters(t, 2)

	first := parse(t, letters[0])
	require.Equal(t, "deadletters.events.order-mail.order.OrderPlaced", letters[0].Subject)
	require.Equal(t, subscribers.ReasonPermanent, first.Reason)
	require.Equal(t, 1, first.Deliveries)
	require.Equal(t, "permanent: no such customer", first.Error)

	second := parse(t, letters[1])
	require.Equal(t, subscribers.ReasonExhausted, second.Reason)
	require.Equal(t, 3, second.Deliveries)
	require.Equal(t, "book: no room", second.Error)
	require.Equal(t, []string{"book: no room", "no room"}, second.ErrorChain)
	w.await(t, func() bool { return w.info(t).AckFloor.Stream == 2 })
}

func TestMessageThatIsNotAnEventBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, publisher.Config{Fence: publisher.MsgID})
	w.consume(t, plain.Config{}, func(context.Context, *sql.Tx, plain.Event) error { return nil })
	_, err := w.js.Publish(t.Context(), "events.order.1.OrderPlaced", []byte("hello"))
	require.NoError(t, err)
	letter := w.letters(t, 1)[0]
	require.Equal(t, "deadletters.foreign.order-mail", letter.Subject)
	require.Equal(t, subscribers.ReasonForeign, parse(t, letter).Reason)
	require.Equal(t, "hello", string(letter.Data))
}

// A dead letter of this consumer is laid out like one of package subscribers.
func TestDeadLetterIsLaidOutLikeContrails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, publisher.Config{})
	w.consume(t, plain.Config{}, func(context.Context, *sql.Tx, plain.Event) error { return plain.ErrPermanent })
	sub, err := subscribers.New(w.js, subscribers.Config{Durable: "order-audit"})
	require.NoError(t, err)
	subscribers.HandleAny(sub, func(context.Context, contrail.Delivered[json.RawMessage]) error {
		return contrail.Permanent(errors.New("permanent"))
	})
	background(t, sub.Run)
	w.record(t, "order-1", "OrderPlaced", `{"total": 1}`)

	letters := w.letters(t, 2)
	plainLetter, letter := letters[0], letters[1]
	if strings.Contains(letter.Subject, "order-mail") {
		plainLetter, letter = letter, plainLetter
	}
	require.Equal(t, letter.Subject, strings.Replace(plainLetter.Subject, "order-mail", "order-audit", 1))
	require.Equal(t, letter.Data, plainLetter.Data)
	require.Len(t, plainLetter.Header, len(letter.Header))
	for name, values := range letter.Header {
		switch {
		case name == subscribers.HeaderConsumer, name == subscribers.HeaderFailedAt, strings.HasPrefix(name, "Nats-"):
			require.NotEmpty(t, plainLetter.Header.Get(name), name)
		default:
			require.Equal(t, values, plainLetter.Header[name], name)
		}
	}
}

func TestRequeuedEventReachesTheConsumer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, publisher.Config{})
	verdicts := make(chan error, 3)
	verdicts <- plain.ErrPermanent
	verdicts <- plain.ErrPermanent
	verdicts <- nil
	applied := make(chan plain.Event, 1)
	w.consume(t, plain.Config{}, func(_ context.Context, _ *sql.Tx, e plain.Event) error {
		verdict := <-verdicts
		if verdict == nil {
			applied <- e
		}
		return verdict
	})
	w.record(t, "order-1", "OrderPlaced", `{}`)
	first := parse(t, w.letters(t, 1)[0])
	w.requeue(t, first)

	second := parse(t, w.letters(t, 3)[2]) // behind the first and its requeueing
	require.Equal(t, 1, second.Replays)
	require.Equal(t, first.ID(), second.CausationID)
	require.Equal(t, []any{first.Stream, first.Subject, first.Sequence, first.MsgID}, []any{second.Stream, second.Subject, second.Sequence, second.MsgID})
	w.requeue(t, second)
	require.Equal(t, "order-1", receive(t, applied).Subject)
}

func (w *world) requeue(t *testing.T, letter subscribers.DeadLetter) {
	t.Helper()
	_, err := w.js.PublishMsg(t.Context(), letter.Requeue("DEADLETTERS"))
	require.NoError(t, err)
}
