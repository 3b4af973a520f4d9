package subscribers

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
)

// Workers that rest before they try a server once more don't hang, however short handlers are.
func TestWorkersThatRestAreAlive(t *testing.T) {
	t.Parallel()
	config := Config{HandlerTimeout: time.Second}.withDefaults()
	s := &session{Subscription: &Subscription{config: config}}
	defer s.progress.enter(s)()
	for ago, alive := range map[time.Duration]bool{time.Minute: true, 2 * time.Minute: false} {
		s.turns.moved, s.turns.guarded = time.Now().Add(-ago), time.Now()
		err := s.Alive(30 * time.Second)
		if alive {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "the workers have not got on for 2m0s")
		}
	}
}

// A worker that tries to get rid of a dead letter, while the broker does not take it, gets on with every try.
func TestBurialsGetOn(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t) // without the stream of dead letters
	config := Config{Durable: "test", Backoff: Backoff{Min: time.Millisecond, Max: time.Millisecond}}.withDefaults()
	s := &session{Subscription: &Subscription{js: js, config: config}, letters: deadLetters{js: js, name: config.DeadLetters, events: config.Stream}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := s.burial(ctx, DeadLetter{Consumer: "test", Stream: "EVENTS", Sequence: 1, Header: nats.Header{nats.MsgIdHdr: {uuid.NewString()}}})
		ended <- err
	}()
	require.Eventually(t, func() bool { return s.turns.moves.Load() > 2 }, 30*time.Second, time.Millisecond)
	cancel()
	require.Error(t, <-ended)
}
