package wmjetstream_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/publisher/wmjetstream"
)

// requireReport checks how far Publish says that it came.
func requireReport(tb testing.TB, err error, failed, published, unknown int) {
	tb.Helper()
	var report *wmjetstream.PublishError
	require.ErrorAs(tb, err, &report)
	require.Equal(tb, []int{failed, published, unknown}, []int{report.Failed, report.Published, report.Unknown}, "failed, published, unknown: %v", err)
}

func TestNoStream(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	err := newPublisher(t, js, wmjetstream.Config{}).Publish("orders", numbered(3)...)
	require.ErrorIs(t, err, wmjetstream.ErrNoStream)
	require.EqualError(t, err, "publish to topic orders: message 1 of 3 (1): no stream takes the subject orders: "+
		"create one, or set wmjetstream.Config.Provision; stored: 0")
	requireReport(t, err, 0, 0, 0)
	require.False(t, contrail.IsPermanent(err))
}

func TestNoJetStream(t *testing.T) {
	t.Parallel()
	ns := natstest.Start(t, func(options *server.Options) { options.JetStream = false })
	js, err := jetstream.New(natstest.Connect(t, ns.URL()))
	require.NoError(t, err)
	for _, provision := range []func(context.Context, jetstream.JetStream, string, string) error{nil, wmjetstream.ProvisionStream} {
		err = newPublisher(t, js, wmjetstream.Config{Provision: provision}).Publish("orders", numbered(1)...)
		require.ErrorIs(t, err, wmjetstream.ErrNoJetStream)
		require.ErrorContains(t, err, "start nats-server with -js")
	}
}

func TestMessageTooLargeForTheServer(t *testing.T) {
	t.Parallel()
	ns := natstest.Start(t, func(options *server.Options) { options.MaxPayload = 1000 })
	js, err := jetstream.New(natstest.Connect(t, ns.URL()))
	require.NoError(t, err)
	stream, messages := createStream(t, js), numbered(5)
	messages[2].Payload = make([]byte, 1000)
	err = newPublisher(t, js, wmjetstream.Config{}).Publish("orders", messages...)
	require.ErrorIs(t, err, wmjetstream.ErrTooLarge)
	require.ErrorContains(t, err, "the server takes 1000: make it smaller, or raise max_payload")
	require.True(t, contrail.IsPermanent(err))
	requireReport(t, err, 2, 2, 0)
	require.Equal(t, []string{"1", "2"}, stored(t, stream))
}

// The broker's refusal comes when later messages are on their way, unless each waits for the one before.
func TestMessageTooLargeForTheStream(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	stream, messages := createStream(t, js, func(cfg *jetstream.StreamConfig) { cfg.MaxMsgSize = 500 }), numbered(5)
	messages[2].Payload = make([]byte, 1000)
	err := newPublisher(t, js, wmjetstream.Config{InFlight: 1}).Publish("orders", messages...)
	require.ErrorIs(t, err, wmjetstream.ErrTooLarge)
	require.ErrorContains(t, err, "raise the stream's MaxMsgSize")
	require.True(t, contrail.IsPermanent(err))
	requireReport(t, err, 2, 2, 0)
	require.Equal(t, []string{"1", "2"}, stored(t, stream))

	var report *wmjetstream.PublishError
	require.ErrorAs(t, newPublisher(t, js, wmjetstream.Config{}).Publish("orders", messages...), &report)
	require.Equal(t, 2, report.Failed)
	require.Len(t, stored(t, stream), report.Published) // the two from before among them
}

func TestHeadersTooLarge(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	createStream(t, js)
	messages := numbered(1)
	messages[0].Metadata.Set("note", strings.Repeat("x", 1<<16))
	err := newPublisher(t, js, wmjetstream.Config{}).Publish("orders", messages...)
	require.ErrorIs(t, err, wmjetstream.ErrTooLarge)
	require.ErrorContains(t, err, "move metadata into the payload")
	require.True(t, contrail.IsPermanent(err))
}

func TestFullStream(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	stream := createStream(t, js, func(cfg *jetstream.StreamConfig) { cfg.MaxMsgs, cfg.Discard = 2, jetstream.DiscardNew })
	err := newPublisher(t, js, wmjetstream.Config{}).Publish("orders", numbered(5)...)
	require.ErrorContains(t, err, "refused by the broker")
	require.ErrorContains(t, err, "maximum messages exceeded")
	requireReport(t, err, 2, 2, 0)
	require.Equal(t, []string{"1", "2"}, stored(t, stream))
}

// What can't be sent as it is is refused, not changed.
func TestUnfitMetadata(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	stream, publisher := createStream(t, js), newPublisher(t, js, wmjetstream.Config{})
	for key, value := range map[string]string{
		"break": "two\nlines", "return": "two\rlines", "before": " x", "after": "x\t", "with space": "x", "münze": "x", "": "x", "a:b": "x", "a(b": "x",
	} {
		messages := numbered(2)
		messages[1].Metadata.Set(key, value)
		err := publisher.Publish("orders", messages...)
		require.ErrorIs(t, err, contrail.ErrInvalid, key)
		require.True(t, contrail.IsPermanent(err))
		require.ErrorContains(t, err, "JSONMarshaler")
		requireReport(t, err, 1, 1, 0)

		carries := newPublisher(t, js, wmjetstream.Config{Marshaler: &wmnats.JSONMarshaler{}, MsgID: func(string, *message.Message) string { return "" }})
		require.NoError(t, carries.Publish("orders.json", messages[1]))
	}
	messages := numbered(1)
	messages[0].UUID = "a\nb"
	require.ErrorIs(t, publisher.Publish("orders", messages...), contrail.ErrInvalid)
	require.Equal(t, "1", stored(t, stream)[0])

	// What passes comes as it was.
	messages = numbered(1)
	messages[0].UUID = "passes"
	messages[0].Metadata = message.Metadata{"note": "é \"<x>\" \x01", "Plain-Key_1.x!#$%&'*+^`|~": ""}
	require.NoError(t, publisher.Publish("orders.fit", messages...))
	raw, err := stream.GetLastMsgForSubject(t.Context(), "orders.fit")
	require.NoError(t, err)
	read, err := new(wmnats.NATSMarshaler).Unmarshal(&nats.Msg{Header: raw.Header, Data: raw.Data})
	require.NoError(t, err)
	require.True(t, read.Equals(messages[0]), "%v", read.Metadata)
}

func TestUnfitSubject(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	publisher := newPublisher(t, js, wmjetstream.Config{Provision: wmjetstream.ProvisionStream})
	for _, topic := range []string{"", ".", "a..b", "a.", "a.*", ">", "a b", "a\nb"} {
		err := publisher.Publish(topic, numbered(1)...)
		require.ErrorIs(t, err, contrail.ErrInvalid, topic)
		require.True(t, contrail.IsPermanent(err))
	}
	tenants := newPublisher(t, js, wmjetstream.Config{Marshaler: tenantMarshaler{}})
	require.ErrorContains(t, tenants.Publish("orders", numbered(1)...), `subject "orders."`)
}

var errMarshal = errors.New("no wire format")

type failingMarshaler struct{}

func (failingMarshaler) Marshal(string, *message.Message) (*nats.Msg, error) { return nil, errMarshal }

func TestMarshalerFails(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	err := newPublisher(t, js, wmjetstream.Config{Marshaler: failingMarshaler{}}).Publish("orders", numbered(2)...)
	require.ErrorIs(t, err, errMarshal)
	require.True(t, contrail.IsPermanent(err))
	requireReport(t, err, 0, 0, 0)
}

// silent is a stream that stores but does not say so.
func silent(cfg *jetstream.StreamConfig) { cfg.NoAck = true }

// A broker that says nothing costs one AckTimeout, not one for each message.
func TestNoAcknowledgement(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	stream := createStream(t, js, silent)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	messages := numbered(200)
	for _, msg := range messages {
		msg.SetContext(ctx)
	}
	err := newPublisher(t, js, wmjetstream.Config{AckTimeout: time.Second}).Publish("orders", messages...)
	require.NoError(t, ctx.Err())
	require.ErrorIs(t, err, wmjetstream.ErrUnknown)
	require.EqualError(t, err, "publish to topic orders: message 1 of 200 (1): the outcome is unknown, publish again: "+
		"no acknowledgement came within 1s; stored: 0, unknown: 200")
	requireReport(t, err, 0, 0, 200)
	require.Equal(t, payloads(messages), stored(t, stream)) // as it turns out
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	stream := createStream(t, js, silent)
	publisher := newPublisher(t, js, wmjetstream.Config{AckTimeout: time.Hour})
	cause := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	messages := numbered(3)
	for _, msg := range messages {
		msg.SetContext(ctx)
	}
	ended := make(chan error, 1)
	go func() { ended <- publisher.Publish("orders", messages...) }()
	require.Eventually(t, func() bool { return len(stored(t, stream)) == 3 }, patience, 5*time.Millisecond)
	cancel(cause)
	err := <-ended
	require.ErrorIs(t, err, cause)
	require.ErrorIs(t, err, wmjetstream.ErrUnknown)
	requireReport(t, err, 0, 0, 3)

	err = publisher.Publish("orders", messages...) // not sent at all
	require.ErrorIs(t, err, cause)
	require.NotErrorIs(t, err, wmjetstream.ErrUnknown)
	requireReport(t, err, 0, 0, 0)
	require.Len(t, stored(t, stream), 3)
}

// Where the client has no room for another message, Publish waits for it no longer than for an acknowledgement, and minds the context.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	ns := natstest.Start(t)
	js, err := jetstream.New(natstest.Connect(t, ns.URL()), jetstream.WithPublishAsyncMaxPending(1))
	require.NoError(t, err)
	createStream(t, js, silent)
	err = newPublisher(t, js, wmjetstream.Config{AckTimeout: 500 * time.Millisecond}).Publish("orders", numbered(2)...)
	requireReport(t, err, 0, 0, 1) // of two, one was sent

	ctx, cancel := context.WithCancel(t.Context())
	messages := numbered(1) // no room from the start: the one before is still on its way
	messages[0].SetContext(ctx)
	patient, ended := newPublisher(t, js, wmjetstream.Config{AckTimeout: time.Hour}), make(chan error, 1)
	go func() { ended <- patient.Publish("orders", messages...) }()
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)

	err = newPublisher(t, js, wmjetstream.Config{AckTimeout: 100 * time.Millisecond}).Publish("orders", numbered(1)...)
	require.ErrorIs(t, err, jetstream.ErrTooManyStalledMsgs)
	require.ErrorContains(t, err, "publish less at once")
	requireReport(t, err, 0, 0, 0)
}

func TestConnectionClosedByTheApplication(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	createStream(t, js)
	publisher := newPublisher(t, js, wmjetstream.Config{})
	require.NoError(t, publisher.Publish("orders", numbered(1)...))
	js.Conn().Close()
	err := publisher.Publish("orders", numbered(2)...)
	require.ErrorIs(t, err, wmjetstream.ErrConnectionClosed)
	require.ErrorContains(t, err, "close it after the publisher")
	require.ErrorIs(t, err, nats.ErrConnectionClosed)
}
