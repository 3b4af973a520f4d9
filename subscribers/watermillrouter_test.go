package subscribers_test

import (
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/wmsql"
	"github.com/contrail-events/contrail/subscribers"
)

// printer turns invoices into letters, or has its difficulties.
type printer struct {
	mu    sync.Mutex
	calls map[string]int // by stream
}

func (p *printer) print(msg *message.Message) ([]*message.Message, error) {
	stream := msg.Metadata.Get(subscribers.KeyStream)
	p.mu.Lock()
	p.calls[stream]++
	call := p.calls[stream]
	p.mu.Unlock()
	switch {
	case stream == "invoice-slow" && call == 1:
		<-msg.Context().Done()
		return nil, msg.Context().Err()
	case stream == "invoice-late" && call <= 5: // one delivery and most of the next
		return nil, errRefused
	case stream == "invoice-never":
		return nil, errRefused
	case stream == "invoice-wrong":
		return nil, contrail.Permanent(errRefused)
	case stream == "invoice-mad":
		panic("at the disco")
	}
	return message.Messages{newMessage("letter-"+stream, "LetterPrinted", string(msg.Payload))}, nil
}

func (p *printer) called(stream string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[stream]
}

// newMessage is one of Watermill's for that stream.
func newMessage(stream, eventType, payload string) *message.Message {
	msg := message.NewMessage(uuid.NewString(), []byte(payload))
	msg.Metadata.Set(wmsql.KeyStream, stream)
	msg.Metadata.Set(wmsql.KeyType, eventType)
	return msg
}

// From a transaction to the event store, through the relay to a router with the usual middlewares, which publishes back to the event store, and so to
// a second handler.
func TestWatermillFromTransactionToRouter(t *testing.T) {
	t.Parallel()
	s, p := newService(t), &printer{calls: map[string]int{}}
	subscriber := s.subscriber(t, subscribers.Config{MaxDeliver: 3})
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	require.NoError(t, err)
	router.AddMiddleware(
		subscribers.Verdict,
		middleware.CorrelationID,
		middleware.Retry{
			MaxRetries: 2, InitialInterval: time.Millisecond,
			ShouldRetry: func(params middleware.RetryParams) bool { return !contrail.IsPermanent(params.Err) },
		}.Middleware,
		middleware.Timeout(time.Second),
		middleware.Recoverer,
	)
	router.AddHandler("printer", "invoice", subscriber, "letter", s.publisher(t, s.db), p.print)
	letters := make(chan *message.Message, 9)
	router.AddConsumerHandler("postman", "letter", subscriber, func(msg *message.Message) error {
		letters <- msg.CopyWithContext()
		return nil
	})
	runRouter(t, router)

	sent := map[string]*message.Message{}
	for _, name := range []string{"plain", "slow", "late", "never", "wrong", "mad"} {
		msg := newMessage("invoice-"+name, "InvoiceIssued", `{"name":"`+name+`"}`)
		middleware.SetCorrelationID("request "+name, msg)
		msg.Metadata.Set("Printer", "second floor") // not a key that an event has
		s.publish(t, "invoice", msg)
		sent[name] = msg
	}

	printed := map[string]*message.Message{}
	for range 3 {
		msg := receive(t, letters)
		printed[msg.Metadata.Get(subscribers.KeyStream)] = msg
	}
	for _, name := range []string{"plain", "slow", "late"} {
		require.Contains(t, printed, "letter-invoice-"+name)
		msg := printed["letter-invoice-"+name]
		require.JSONEq(t, `{"name":"`+name+`"}`, string(msg.Payload))
		require.Equal(t, "request "+name, middleware.MessageCorrelationID(msg))
		require.Equal(t, "LetterPrinted", msg.Metadata.Get(subscribers.KeyType))
	}
	require.Equal(t, 2, p.called("invoice-slow"))
	require.Equal(t, 6, p.called("invoice-late"))

	eventually(t, func() bool { return len(s.deadLetters(t)) == 3 })
	buried := map[string]subscribers.DeadLetter{}
	for _, letter := range s.deadLetters(t) {
		buried[letter.Subject] = letter
		require.Equal(t, "test@invoice", letter.Consumer)
	}
	never, wrong, mad := buried["events.invoice.never.InvoiceIssued"], buried["events.invoice.wrong.InvoiceIssued"], buried["events.invoice.mad.InvoiceIssued"]
	require.Equal(t, subscribers.ReasonExhausted, never.Reason)
	require.Equal(t, 9, p.called("invoice-never"), "three deliveries of three tries each")
	require.Equal(t, "refused", never.Error)
	require.Equal(t, sent["never"].UUID, never.MsgID)
	require.Equal(t, subscribers.ReasonPermanent, wrong.Reason)
	require.Equal(t, 1, p.called("invoice-wrong"))
	require.Equal(t, "refused", wrong.Error)
	require.Contains(t, mad.Error, "at the disco")
}
