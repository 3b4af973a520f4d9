package wmjetstream_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/publisher/wmjetstream"
)

const patience = 30 * time.Second

func newPublisher(tb testing.TB, js jetstream.JetStream, cfg wmjetstream.Config) *wmjetstream.Publisher {
	tb.Helper()
	publisher, err := wmjetstream.New(js, cfg)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, publisher.Close()) })
	return publisher
}

// createStream makes the stream ORDERS, which takes the subjects orders and orders.>.
func createStream(tb testing.TB, js jetstream.JetStream, changes ...func(*jetstream.StreamConfig)) jetstream.Stream {
	tb.Helper()
	cfg := jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders", "orders.>"}}
	for _, change := range changes {
		change(&cfg)
	}
	stream, err := js.CreateStream(tb.Context(), cfg)
	require.NoError(tb, err)
	return stream
}

// numbered are messages whose UUID and payload is their number, from 1 to n.
func numbered(n int) message.Messages {
	messages := make(message.Messages, n)
	for i := range messages {
		number := strconv.Itoa(i + 1)
		messages[i] = message.NewMessage(number, []byte(number))
	}
	return messages
}

// stored are the payloads that the stream holds, in order.
func stored(tb testing.TB, stream jetstream.Stream) []string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), patience)
	defer cancel()
	info, err := stream.Info(ctx)
	require.NoError(tb, err)
	payloads := make([]string, 0, info.State.Msgs)
	for sequence := range info.State.LastSeq { // nothing is ever deleted
		msg, err := stream.GetMsg(ctx, sequence+1)
		require.NoError(tb, err)
		payloads = append(payloads, string(msg.Data))
	}
	return payloads
}

func payloads(messages message.Messages) []string {
	payloads := make([]string, len(messages))
	for i, msg := range messages {
		payloads[i] = string(msg.Payload)
	}
	return payloads
}
