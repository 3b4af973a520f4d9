package subscribers_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// forever is a bound that a test must not come to.
const forever = 10 * time.Minute

func (w *world) subscriber(tb testing.TB, config subscribers.Config) *subscribers.Subscriber {
	tb.Helper()
	config.Durable = "test"
	if config.Backoff.Min == 0 {
		config.Backoff = subscribers.Backoff{Min: 10 * time.Millisecond, Max: 40 * time.Millisecond}
	}
	subscriber, err := subscribers.NewSubscriber(w.js, config)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, subscriber.Close()) })
	return subscriber
}

func listen(tb testing.TB, subscriber *subscribers.Subscriber, topic string) <-chan *message.Message {
	tb.Helper()
	messages, err := subscriber.Subscribe(context.WithoutCancel(tb.Context()), topic)
	require.NoError(tb, err)
	return messages
}

// take is the next message, unanswered.
func take(tb testing.TB, messages <-chan *message.Message) *message.Message {
	tb.Helper()
	msg := receive(tb, messages)
	require.NotNil(tb, msg, "the channel is closed")
	return msg
}

// none wants nothing but the end.
func none(tb testing.TB, messages <-chan *message.Message) {
	tb.Helper()
	require.Nil(tb, receive(tb, messages), "a message that should not be there")
}

func TestWatermillTopics(t *testing.T) {
	t.Parallel()
	for _, template := range []string{"", "{category}.{type}", "all.{type}"} {
		for topic, expected := range map[string]struct {
			durable string
			streams []string
		}{
			"*":                {"test", []string{"invoice-42", "invoice-4", "payment-42", "order_line-4_2/é", "invoice-42"}},
			"invoice":          {"test@invoice", []string{"invoice-42", "invoice-4", "invoice-42"}},
			"invoice-42":       {"test@invoice-42", []string{"invoice-42", "invoice-42"}},
			"order.line":       {"test@order=2Eline", []string{"order_line-4_2/é"}},
			"order:line-4.2/é": {"test@order=3Aline-4=2E2=2F=C3=A9", []string{"order_line-4_2/é"}},
		} {
			t.Run(template+" "+topic, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.template = template
				for _, stream := range []string{"invoice-42", "invoice-4", "payment-42", "order_line-4_2/é", "invoice-42"} {
					w.publish(t, stream, drafted{})
				}
				subscriber := w.subscriber(t, subscribers.Config{Subject: template, Concurrency: 1})
				messages := listen(t, subscriber, topic)
				var streams []string
				for range expected.streams {
					msg := take(t, messages)
					streams = append(streams, msg.Metadata.Get(subscribers.KeyStream))
					msg.Ack()
				}
				require.Equal(t, expected.streams, streams)
				w.acknowledged(t, expected.durable)
				require.NoError(t, subscriber.Close())
				none(t, messages)
			})
		}
	}
}

// acknowledged waits until the consumer has nothing pending and nothing unacknowledged.
func (w *world) acknowledged(tb testing.TB, durable string) {
	tb.Helper()
	consumer, err := w.js.Consumer(tb.Context(), wire.DefaultStream, durable)
	require.NoError(tb, err)
	eventually(tb, func() bool {
		info, err := consumer.Info(tb.Context())
		return err == nil && info.NumPending == 0 && info.NumAckPending == 0
	})
}

// What the subjects tell apart the broker sends to nobody else.
func TestWatermillTopicIsFilteredByTheBroker(t *testing.T) {
	t.Parallel()
	many := make([]string, 300)
	for i := range many {
		many[i] = fmt.Sprintf("T%d", i)
	}
	for topic, expected := range map[string]struct {
		config subscribers.Config
		filter []string
	}{
		"*": {subscribers.Config{}, []string{"events.>"}},
		"invoice": {
			subscribers.Config{Categories: []string{"payment", "invoice"}, Types: []string{"A", "B"}},
			[]string{"events.invoice.*.A", "events.invoice.*.B"},
		},
		"invoice-42": {subscribers.Config{Types: []string{"A"}, Tenants: []string{"acme"}}, []string{"events.invoice.42.A"}},
		"invoice-43": {subscribers.Config{Types: many}, []string{"events.invoice.43.*"}},
	} {
		t.Run(topic, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			listen(t, w.subscriber(t, expected.config), topic)
			durable := "test"
			if topic != "*" {
				durable += "@" + topic
			}
			consumer, err := w.js.Consumer(t.Context(), wire.DefaultStream, durable)
			require.NoError(t, err)
			config := consumer.CachedInfo().Config
			filter := config.FilterSubjects
			if config.FilterSubject != "" {
				filter = []string{config.FilterSubject}
			}
			slices.Sort(filter)
			require.Equal(t, expected.filter, filter)
		})
	}
}

// Config selects among a stream's events as it does elsewhere, even where the subjects don't tell types and tenants apart.
func TestWatermillTopicOfAStreamIsSelectedFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.template = "{category}"
	for _, tenant := range []string{"acme", "other"} {
		for _, payload := range []contrail.Payload{drafted{N: 1}, issued{N: 2}} {
			event := w.event("invoice-42", payload)
			event.Metadata[contrail.KeyTenantID] = tenant
			w.send(t, event)
		}
	}
	subscriber := w.subscriber(t, subscribers.Config{Subject: w.template, Types: []string{"InvoiceIssued"}, Tenants: []string{"other"}})
	messages := listen(t, subscriber, "invoice-42")
	msg := take(t, messages)
	require.Equal(t, "4", msg.Metadata.Get(subscribers.KeyPosition))
	msg.Ack()
	w.acknowledged(t, "test@invoice-42")
	require.NoError(t, subscriber.Close())
	none(t, messages)
}

func TestWatermillTopicThatStandsForNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for topic, expected := range map[string]string{
		"": `"*" stands for every event`, "--": `"*" stands for every event`,
		"in voice": "in voice", "invoice-": "invoice-", "-1": "-1", "invoice-*": "invoice-*",
	} {
		_, err := w.subscriber(t, subscribers.Config{}).Subscribe(t.Context(), topic)
		require.ErrorIs(t, err, contrail.ErrInvalid, topic)
		require.ErrorContains(t, err, expected)
	}
	_, err := w.subscriber(t, subscribers.Config{Categories: []string{"payment"}}).Subscribe(t.Context(), "invoice")
	require.ErrorContains(t, err, `subscribe to topic invoice: Categories: "invoice" is not among them`)
	_, err = w.subscriber(t, subscribers.Config{Filter: []string{"events.invoice.>"}}).Subscribe(t.Context(), "invoice")
	require.ErrorContains(t, err, `Filter: it goes with the topic "*" alone`)
	_, err = w.subscriber(t, subscribers.Config{Filter: []string{"events.invoice.>"}}).Subscribe(t.Context(), "*")
	require.NoError(t, err)
}

func TestWatermillSubscriberMisconfigured(t *testing.T) {
	t.Parallel()
	_, err := subscribers.NewSubscriber(nil, subscribers.Config{Concurrency: -1})
	require.ErrorContains(t, err, "configure a Watermill subscriber: Durable is required\nConcurrency: -1")

	w := newWorld(t)
	_, err = w.js.CreateConsumer(t.Context(), wire.DefaultStream, jetstream.ConsumerConfig{Durable: "test@invoice", AckPolicy: jetstream.AckNonePolicy})
	require.NoError(t, err)
	_, err = w.subscriber(t, subscribers.Config{}).Subscribe(t.Context(), "invoice")
	require.ErrorContains(t, err, "subscribe to topic invoice: consumer test@invoice exists with AckPolicy")

	pool := pgtest.New(t)
	_, err = pool.Exec(t.Context(), `DROP TABLE contrail.inbox`)
	require.NoError(t, err)
	_, err = w.subscriber(t, subscribers.Config{Inbox: subscribers.NewInbox(pool)}).Subscribe(t.Context(), "payment")
	require.ErrorContains(t, err, "run `contrail migrate`")
}

// What only takes waiting is waited for.
func TestWatermillSubscriberBeforeItsStream(t *testing.T) {
	t.Parallel()
	js, server := natstest.JetStream(t)
	w := &world{js: js, server: server, versions: map[string]int64{}}
	messages := listen(t, w.subscriber(t, subscribers.Config{}), "invoice")
	w.createStream(t)
	w.publish(t, "invoice-42", drafted{N: 1})
	msg := take(t, messages)
	require.JSONEq(t, `{"n":1}`, string(msg.Payload))
	msg.Ack()
}

// When Subscribe returns the durable is there, so that nothing is missed from then on.
func TestWatermillSubscriberFromNew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "invoice-42", drafted{N: 1})
	messages := listen(t, w.subscriber(t, subscribers.Config{Start: subscribers.FromNew()}), "invoice")
	w.publish(t, "invoice-42", drafted{N: 2})
	msg := take(t, messages)
	require.JSONEq(t, `{"n":2}`, string(msg.Payload))
	msg.Ack()
}

// A subscription that ends by itself closes its channel, and Close tells why.
func TestWatermillSubscriptionThatFailsLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	subscriber, err := subscribers.NewSubscriber(w.js, subscribers.Config{Durable: "test"})
	require.NoError(t, err)
	messages := listen(t, subscriber, "*")
	w.js.Conn().Close()
	none(t, messages)
	require.ErrorContains(t, subscriber.Close(), "subscription test: ")
	require.ErrorContains(t, subscriber.Close(), "subscription test: ")
}

func TestWatermillSubscriberClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	subscriber := w.subscriber(t, subscribers.Config{})
	require.NoError(t, subscriber.Close())
	_, err := subscriber.Subscribe(t.Context(), "*")
	require.ErrorIs(t, err, subscribers.ErrSubscriberClosed)
}

// What nobody took goes back at once, and somebody else gets it; what was taken may still be answered.
func TestWatermillSubscriberCloses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, stream := range []string{"invoice-1", "invoice-2", "invoice-3"} {
		w.publish(t, stream, drafted{})
	}
	subscriber := w.subscriber(t, subscribers.Config{DrainTimeout: forever})
	messages := listen(t, subscriber, "invoice")
	taken := take(t, messages)
	closed := make(chan error, 1)
	go func() { closed <- subscriber.Close() }()

	rest := listen(t, w.subscriber(t, subscribers.Config{}), "invoice")
	for range 2 {
		msg := take(t, rest)
		require.NotEqual(t, taken.UUID, msg.UUID)
		require.True(t, msg.Ack())
	}
	require.NoError(t, taken.Context().Err())
	require.True(t, taken.Ack())
	require.NoError(t, receive(t, closed))
	none(t, messages)
	w.acknowledged(t, "test@invoice")
}

// The end of Subscribe's ctx is as good as Close. A message that is never answered is another's once DrainTimeout is over.
func TestWatermillSubscriptionEndsWithItsContext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event := w.publish(t, "invoice-1", drafted{})
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "given"))
	defer cancel()
	subscriber := w.subscriber(t, subscribers.Config{DrainTimeout: 100 * time.Millisecond})
	messages, err := subscriber.Subscribe(ctx, "invoice")
	require.NoError(t, err)
	taken := take(t, messages)
	require.Equal(t, "given", taken.Context().Value(key{}))
	cancel()
	receive(t, taken.Context().Done())
	none(t, messages)

	again := take(t, listen(t, subscriber, "invoice"))
	require.Equal(t, event.ID.String(), again.UUID)
	delivered, ok := subscribers.DeliveredMessage(again)
	require.True(t, ok)
	require.Equal(t, 2, delivered.Delivery.Attempt)
	again.Ack()
	receive(t, again.Context().Done())
}

// A message on its last delivery would be given back to nobody: it is still offered while draining.
func TestWatermillSubscriberClosesWithALastDelivery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "invoice-1", drafted{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	subscriber := w.subscriber(t, subscribers.Config{MaxDeliver: 1, DrainTimeout: forever})
	messages, err := subscriber.Subscribe(ctx, "*")
	require.NoError(t, err)
	eventually(t, func() bool { return subscriber.Stats().Delivered == 1 })
	cancel()
	require.True(t, take(t, messages).Ack())
	none(t, messages)
	require.Empty(t, w.deadLetters(t))
	require.EqualValues(t, 1, subscriber.Stats().Handled)
}

// A stream's events come one after another, and other streams' beside them.
func TestWatermillSubscriberKeepsOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 3 {
		w.publish(t, "invoice-1", drafted{})
	}
	w.publish(t, "invoice-2", drafted{})
	messages := listen(t, w.subscriber(t, subscribers.Config{}), "invoice")
	first, second := take(t, messages), take(t, messages)
	if first.Metadata.Get(subscribers.KeyStream) == "invoice-2" {
		first, second = second, first
	}
	require.Equal(t, "1", first.Metadata.Get(subscribers.KeyPosition))
	require.Equal(t, "4", second.Metadata.Get(subscribers.KeyPosition))
	second.Ack()
	first.Nack()
	for _, position := range []string{"1", "2", "3"} {
		msg := take(t, messages)
		require.Equal(t, position, msg.Metadata.Get(subscribers.KeyPosition))
		msg.Ack()
	}
}

// A message that is never answered has failed when its time is up.
func TestWatermillMessageIsNeverAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "invoice-1", drafted{})
	messages := listen(t, w.subscriber(t, subscribers.Config{HandlerTimeout: 50 * time.Millisecond, MaxDeliver: 2}), "*")
	for range 2 {
		msg := take(t, messages)
		receive(t, msg.Context().Done())
		require.ErrorContains(t, context.Cause(msg.Context()), "Config.HandlerTimeout")
	}
	eventually(t, func() bool { return len(w.deadLetters(t)) == 1 })
	letter := w.deadLetters(t)[0]
	require.Equal(t, subscribers.ReasonExhausted, letter.Reason)
	require.Contains(t, letter.Error, "Config.HandlerTimeout")
}
