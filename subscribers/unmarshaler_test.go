package subscribers_test

import (
	"context"
	"sync"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	wmjetstream "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/jetstream"
	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

var (
	_ wmnats.Unmarshaler      = subscribers.Unmarshaler{}
	_ wmjetstream.Unmarshaler = subscribers.JetStreamUnmarshaler{}
)

// stock is one of watermill-nats' own subscribers, on the relay's stream.
type stock struct {
	name string
	make func(tb testing.TB, url string, logger watermill.LoggerAdapter) message.Subscriber
}

// ofNATS is that of pkg/nats, which may have a strict unmarshaler.
func ofNATS(strict bool) func(testing.TB, string, watermill.LoggerAdapter) message.Subscriber {
	return func(tb testing.TB, url string, logger watermill.LoggerAdapter) message.Subscriber {
		tb.Helper()
		subscriber, err := wmnats.NewSubscriberWithNatsConn(natstest.Connect(tb, url), wmnats.SubscriberSubscriptionConfig{
			Unmarshaler: subscribers.Unmarshaler{Strict: strict}, QueueGroupPrefix: "stock", AckWaitTimeout: patience, CloseTimeout: patience,
			SubscribeTimeout: patience,
			JetStream: wmnats.JetStreamConfig{DurablePrefix: "stock", SubscribeOptions: []nats.SubOpt{
				nats.BindStream(wire.DefaultStream), nats.DeliverAll(), nats.AckExplicit(), nats.ManualAck(), nats.AckWait(shortWait),
			}},
		}, logger)
		require.NoError(tb, err)
		return subscriber
	}
}

func ofJetStream(tb testing.TB, url string, logger watermill.LoggerAdapter) message.Subscriber {
	tb.Helper()
	subscriber, err := wmjetstream.NewSubscriber(wmjetstream.SubscriberConfig{
		Conn: natstest.Connect(tb, url), Logger: logger, Unmarshaler: subscribers.JetStreamUnmarshaler{},
		ResourceInitializer: func(ctx context.Context, js jetstream.JetStream, topic string) (
			jetstream.Consumer, func(context.Context, watermill.LoggerAdapter), error,
		) {
			consumer, err := js.CreateOrUpdateConsumer(ctx, wire.DefaultStream, jetstream.ConsumerConfig{
				Durable: "stock", FilterSubject: topic, AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: 8,
			})
			return consumer, nil, err
		},
	})
	require.NoError(tb, err)
	return subscriber
}

func stocks() []stock {
	return []stock{{"nats", ofNATS(false)}, {"jetstream", ofJetStream}}
}

// subscribe reads a subject until the test ends.
func (s stock) subscribe(tb testing.TB, w *world, subject string, logger watermill.LoggerAdapter) <-chan *message.Message {
	tb.Helper()
	subscriber := s.make(tb, w.server.URL(), logger)
	messages, err := subscriber.Subscribe(context.WithoutCancel(tb.Context()), subject)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, subscriber.Close()) })
	return messages
}

// Either format arrives at either stock subscriber as at ours.
func TestUnmarshalerInStockSubscribers(t *testing.T) {
	t.Parallel()
	for _, s := range stocks() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var sent []contrail.Recorded
			for n := range 4 {
				w.format = wire.Format(n / 2)
				event := w.awkward(n)
				event.Metadata[contrail.KeyTraceparent] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
				event.Metadata[contrail.KeyCorrelationID] = "c-1"
				w.send(t, event)
				sent = append(sent, event)
			}
			ours := listen(t, w.subscriber(t, subscribers.Config{}), "invoice")
			messages := s.subscribe(t, w, "events.invoice.>", watermill.NopLogger{})
			for _, event := range sent {
				msg, own := take(t, messages), take(t, ours)
				require.True(t, own.Equals(msg))
				require.Equal(t, event.ID.String(), msg.UUID)
				require.JSONEq(t, string(event.Data), string(msg.Payload))
				require.Equal(t, "InvoiceDrafted", msg.Metadata.Get(subscribers.KeyType))
				require.Equal(t, event.Stream.String(), msg.Metadata.Get(subscribers.KeyStream))
				for key, value := range event.Metadata {
					require.Equal(t, value, msg.Metadata.Get(key), key)
				}
				msg.Ack()
				own.Ack()
			}
		})
	}
}

// A message that is no event comes marked, as it is, and what follows it comes too.
func TestUnmarshalerOfForeignMessages(t *testing.T) {
	t.Parallel()
	for _, s := range stocks() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			foreign := &nats.Msg{Subject: "events.invoice.1.X", Data: []byte("what is this"), Header: nats.Header{
				"X-Header": {"kept", "not kept"}, "X-Empty": {}, nats.MsgIdHdr: {"an id"},
			}}
			_, err := w.js.PublishMsg(t.Context(), foreign)
			require.NoError(t, err)
			event := w.publish(t, "invoice-1", drafted{})
			messages := s.subscribe(t, w, "events.>", watermill.NopLogger{})
			msg := take(t, messages)
			require.Equal(t, "an id", msg.UUID)
			require.Equal(t, "what is this", string(msg.Payload))
			require.Equal(t, message.Metadata{"X-Header": "kept", subscribers.KeyForeign: msg.Metadata[subscribers.KeyForeign]}, msg.Metadata)
			require.Contains(t, msg.Metadata.Get(subscribers.KeyForeign), "not an event of Contrail's: the payload is not a JSON object")

			handle := subscribers.RefuseForeign(func(*message.Message) ([]*message.Message, error) { return nil, nil })
			_, err = handle(msg)
			require.ErrorContains(t, err, `message "an id": not an event of Contrail's`)
			require.True(t, contrail.IsPermanent(err))
			msg.Ack()

			msg = take(t, messages)
			require.Equal(t, event.ID.String(), msg.UUID)
			_, err = handle(msg)
			require.NoError(t, err)
			msg.Ack()
		})
	}
}

// failureLog is a logger that counts what a subscriber can't unmarshal.
type failureLog struct {
	watermill.NopLogger

	mu    sync.Mutex
	errs  []error
	noted chan struct{}
}

func (f *failureLog) Error(_ string, err error, _ watermill.LogFields) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errs = append(f.errs, err)
	f.noted <- struct{}{}
}

func (f *failureLog) With(watermill.LogFields) watermill.LoggerAdapter { return f }

// What Strict's documentation warns of: the stock subscriber never gets rid of the message.
func TestUnmarshalerStrict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.js.Publish(t.Context(), "events.invoice.1.X", []byte("what is this"))
	require.NoError(t, err)
	event := w.publish(t, "invoice-1", drafted{})
	logger := &failureLog{noted: make(chan struct{}, 99)}
	messages := stock{make: ofNATS(true)}.subscribe(t, w, "events.>", logger)
	msg := take(t, messages)
	require.Equal(t, event.ID.String(), msg.UUID)
	msg.Ack()
	for range 2 {
		receive(t, logger.noted)
	}
	logger.mu.Lock()
	defer logger.mu.Unlock()
	require.ErrorContains(t, logger.errs[0], "subject events.invoice.1.X: not an event of Contrail's")
	require.Equal(t, logger.errs[0].Error(), logger.errs[1].Error())
}
