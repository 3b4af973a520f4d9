package publisher_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// A middleware acks a batch that it never hands on, just as the relay is stopped: the batches behind it, whose turn never comes, must not keep it from
// ending.
func TestRelayEndsWhileAMiddlewareSwallowsABatch(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 100)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var batches atomic.Int64
	second := make(chan struct{})
	cfg := impatient()
	cfg.Middlewares = []message.HandlerMiddleware{func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			switch batches.Add(1) {
			case 1:
				<-second
				stop()
				return nil, nil
			case 2:
				close(second)
			}
			return next(msg)
		}
	}}
	ended := make(chan error, 1)
	relay := newRelay(t, pool, js, cfg)
	go func() { ended <- relay.Run(ctx) }()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(patience / 2):
		require.FailNow(t, "the relay does not end")
	}
	finish(t, pool, js)
}
