package wmjetstream_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/publisher/wmjetstream"
)

// gate is a marshaler that tells when it is entered, and waits to be let through.
type gate struct {
	wmnats.NATSMarshaler

	entered chan struct{}
	opened  chan struct{}
}

func (g *gate) Marshal(subject string, msg *message.Message) (*nats.Msg, error) {
	g.entered <- struct{}{}
	<-g.opened
	return g.NATSMarshaler.Marshal(subject, msg)
}

func TestCloseWaitsForWhatHasBegun(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	stream, blocked := createStream(t, js), &gate{entered: make(chan struct{}), opened: make(chan struct{})}
	publisher := newPublisher(t, js, wmjetstream.Config{Marshaler: blocked})
	published, closed := make(chan error, 1), make(chan error, 1)
	go func() { published <- publisher.Publish("orders", numbered(1)...) }()
	<-blocked.entered
	go func() { closed <- publisher.Close() }()
	for { // until Close has begun
		if err := publisher.Publish("orders"); err != nil {
			require.ErrorIs(t, err, wmjetstream.ErrClosed)
			require.EqualError(t, err, "publish to topic orders: the publisher is closed")
			break
		}
	}
	require.Empty(t, closed)
	close(blocked.opened)
	require.NoError(t, <-closed)
	require.Equal(t, []string{"1"}, stored(t, stream))
	require.NoError(t, <-published)
	require.NoError(t, publisher.Close())

	// Nothing that was given is closed.
	require.True(t, js.Conn().IsConnected())
	require.NoError(t, newPublisher(t, js, wmjetstream.Config{}).Publish("orders", numbered(2)...))
}

// Whatever Close comes between, a Publish is done as a whole or not at all.
func TestCloseWhileOthersPublish(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	stream := createStream(t, js)
	var done atomic.Int64
	for round := range 50 {
		publisher := newPublisher(t, js, wmjetstream.Config{InFlight: 2})
		var callers errgroup.Group
		for caller := range 4 {
			callers.Go(func() error {
				for i := 0; ; i++ {
					var messages message.Messages
					for range 3 {
						messages = append(messages, message.NewMessage(fmt.Sprintf("%d/%d/%d/%d", round, caller, i, len(messages)), nil))
					}
					err := publisher.Publish("orders", messages...)
					if errors.Is(err, wmjetstream.ErrClosed) {
						return nil
					}
					if err != nil {
						return err
					}
					done.Add(3)
				}
			})
		}
		callers.Go(publisher.Close)
		require.NoError(t, callers.Wait())
	}
	info, err := stream.Info(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, done.Load(), info.State.Msgs)
}
