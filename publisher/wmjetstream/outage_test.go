package wmjetstream_test

import (
	"strconv"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/publisher/wmjetstream"
)

// While the broker goes away and comes back, who publishes again until there is no error has each message stored once, in order.
func TestPublishAgainOverRestartsOfTheBroker(t *testing.T) {
	t.Parallel()
	js, ns := natstest.JetStream(t)
	stream := createStream(t, js)
	publisher := newPublisher(t, js, wmjetstream.Config{InFlight: 1})
	const batches, batch = 300, 20
	var restarting chan error
	for i := range batches {
		if i%100 == 50 {
			restarting = make(chan error, 1)
			go func() { restarting <- ns.Restart() }()
		}
		messages := make(message.Messages, batch)
		for j := range messages {
			number := strconv.Itoa(i*batch + j)
			messages[j] = message.NewMessage(number, []byte(number))
		}
		for publisher.Publish("orders", messages...) != nil {
			require.NoError(t, t.Context().Err())
		}
		if i%100 == 99 {
			require.NoError(t, <-restarting)
		}
	}
	want := make([]string, batches*batch)
	for i := range want {
		want[i] = strconv.Itoa(i)
	}
	require.Equal(t, want, stored(t, stream))
}
