package wmjetstream_test

import (
	"fmt"
	"strings"
	"testing"

	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/publisher/wmjetstream"
)

func TestPublishStoresAllInOrder(t *testing.T) {
	t.Parallel()
	for _, inFlight := range []int{0, 1, 7, 2000} {
		t.Run(fmt.Sprintf("InFlight %d", inFlight), func(t *testing.T) {
			t.Parallel()
			js, _ := natstest.JetStream(t)
			stream := createStream(t, js)
			messages := numbered(1000)
			require.NoError(t, newPublisher(t, js, wmjetstream.Config{InFlight: inFlight}).Publish("orders", messages...))
			require.Equal(t, payloads(messages), stored(t, stream)) // now, without waiting: Publish has
			require.Zero(t, js.PublishAsyncPending())
		})
	}
}

func TestPublishOfNothing(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	require.NoError(t, newPublisher(t, js, wmjetstream.Config{Provision: wmjetstream.ProvisionStream}).Publish("orders"))
	_, err := js.Stream(t.Context(), "orders")
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
}

// Each caller's messages stay in their order, whatever others publish between them.
func TestPublishFromSeveralGoroutines(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	stream, publisher := createStream(t, js), newPublisher(t, js, wmjetstream.Config{InFlight: 10})
	var callers errgroup.Group
	for caller := range 8 {
		callers.Go(func() error {
			var messages message.Messages
			for i := range 100 {
				text := fmt.Sprintf("%d:%03d", caller, i)
				messages = append(messages, message.NewMessage(text, []byte(text)))
			}
			return publisher.Publish("orders", messages...)
		})
	}
	require.NoError(t, callers.Wait())
	next := map[string]int{}
	for _, payload := range stored(t, stream) {
		caller, number, _ := strings.Cut(payload, ":")
		require.Equal(t, fmt.Sprintf("%03d", next[caller]), number)
		next[caller]++
	}
	require.Len(t, next, 8)
	require.Equal(t, 100, next["7"])
}

func TestPublishAgainChangesNothing(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	stream, publisher := createStream(t, js), newPublisher(t, js, wmjetstream.Config{})
	require.NoError(t, publisher.Publish("orders", numbered(2)...))
	require.NoError(t, publisher.Publish("orders", numbered(3)...))
	require.Equal(t, []string{"1", "2", "3"}, stored(t, stream))

	// Nor does it to another topic of the same stream: what the package says of ids.
	require.NoError(t, publisher.Publish("orders.late", numbered(1)...))
	require.Equal(t, []string{"1", "2", "3"}, stored(t, stream))
}

func TestMsgID(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		msgID func(topic string, msg *message.Message) string
		want  []string
	}{
		"none":      {func(string, *message.Message) string { return "" }, []string{"1", "1", "1"}},
		"per topic": {func(topic string, msg *message.Message) string { return topic + "/" + msg.UUID }, []string{"1", "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			js, _ := natstest.JetStream(t)
			stream, publisher := createStream(t, js), newPublisher(t, js, wmjetstream.Config{MsgID: test.msgID})
			for _, topic := range []string{"orders", "orders.late", "orders"} {
				require.NoError(t, publisher.Publish(topic, numbered(1)...))
			}
			require.Equal(t, test.want, stored(t, stream))
		})
	}
}

func TestSubject(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	stream := createStream(t, js)
	publisher := newPublisher(t, js, wmjetstream.Config{Subject: func(topic string) string { return "orders." + topic }})
	require.NoError(t, publisher.Publish("late", numbered(1)...))
	msg, err := stream.GetMsg(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, "orders.late", msg.Subject)
	require.Equal(t, "1", msg.Header.Get(jetstream.MsgIDHeader))
	require.Equal(t, "1", msg.Header.Get(wmnats.WatermillUUIDHdr))
}

// tenantMarshaler publishes each message on its tenant's subject.
type tenantMarshaler struct{ wmnats.GobMarshaler }

func (m tenantMarshaler) Marshal(subject string, msg *message.Message) (*nats.Msg, error) {
	return m.GobMarshaler.Marshal(subject+"."+msg.Metadata.Get("tenant"), msg)
}

func TestMarshalerMaySetTheSubject(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	stream, publisher := createStream(t, js), newPublisher(t, js, wmjetstream.Config{Marshaler: tenantMarshaler{}})
	messages := numbered(2)
	messages[0].Metadata.Set("tenant", "acme")
	messages[1].Metadata.Set("tenant", "globex")
	require.NoError(t, publisher.Publish("orders", messages...))
	msg, err := stream.GetLastMsgForSubject(t.Context(), "orders.globex")
	require.NoError(t, err)
	require.EqualValues(t, 2, msg.Sequence)
	require.Equal(t, "2", msg.Header.Get(jetstream.MsgIDHeader)) // also where the marshaler makes no headers
}

func TestMetadataOfTheBroker(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	stream, publisher := createStream(t, js), newPublisher(t, js, wmjetstream.Config{})
	messages := numbered(2)
	for _, msg := range messages {
		msg.Metadata.Set(jetstream.ExpectedLastSeqHeader, "0")
	}
	err := publisher.Publish("orders", messages...)
	require.ErrorContains(t, err, "message 2 of 2 (2): refused by the broker: nats: API error: code=400 err_code=10071 description=wrong last sequence: 1; stored: 1")
	require.Equal(t, []string{"1"}, stored(t, stream))
}

// lateStream is a marshaler that creates the stream when the second message is made: the first is on its way to nobody then.
type lateStream struct {
	wmnats.NATSMarshaler

	create func()
}

func (m *lateStream) Marshal(subject string, msg *message.Message) (*nats.Msg, error) {
	if msg.UUID == "2" {
		m.create()
	}
	return m.NATSMarshaler.Marshal(subject, msg)
}

// The client of NATS would send the first message again by itself, and so behind the second.
func TestNothingOvertakes(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	publisher := newPublisher(t, js, wmjetstream.Config{Marshaler: &lateStream{create: func() { createStream(t, js) }}})
	err := publisher.Publish("orders", numbered(20)...)
	require.Error(t, err)
	var report *wmjetstream.PublishError
	require.ErrorAs(t, err, &report)
	require.Zero(t, report.Failed)

	stream, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders", "orders.>"}})
	require.NoError(t, err)
	require.NotContains(t, stored(t, stream), "1")
	require.Len(t, stored(t, stream), report.Published)
}
