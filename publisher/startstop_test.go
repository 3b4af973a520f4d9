package publisher_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// runBriefly runs a relay of its own for a while of at most so long; 0 means that its context is over before it runs.
func runBriefly(ctx context.Context, pool *pgxpool.Pool, js jetstream.JetStream, longest time.Duration) error {
	relay, err := publisher.NewRelay(pool, js, impatient())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if longest == 0 {
		cancel()
	}
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	if rand.N(4) > 0 { // otherwise at once
		pause(ctx, max(longest, 1))
	}
	cancel()
	return <-ended
}

// Relays are started and stopped one after the other, at any moment, while events are appended.
func TestRelayStartsAndStopsAtAnyMoment(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	stop := keepAppending(t, pool)
	for range rounds(30, 1000) {
		require.NoError(t, runBriefly(t.Context(), pool, js, 100*time.Millisecond))
		require.NoError(t, runBriefly(t.Context(), pool, js, 0))
	}
	stop()
	finish(t, pool, js)
}

// Several relays come and go at once: whoever leads when it is stopped hands over to one that stands by, or to the next.
func TestRelaysStartAndStopSideBySide(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, server := natstest.JetStream(t)
	stop := keepAppending(t, pool)
	var running sync.WaitGroup
	failures := make(chan error, 3)
	for range 3 {
		own, err := jetstream.New(natstest.Connect(t, server.URL()))
		require.NoError(t, err)
		running.Go(func() {
			var failed error
			for range rounds(10, 300) {
				failed = errors.Join(failed, runBriefly(t.Context(), pool, own, 200*time.Millisecond))
			}
			failures <- failed
		})
	}
	running.Wait()
	for range 3 {
		require.NoError(t, <-failures)
	}
	stop()
	finish(t, pool, js)
}

// The same relay can run again after it has ended.
func TestRelayRunsAgain(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	relay := newRelay(t, pool, js, impatient())
	for range rounds(5, 100) {
		insertEvents(t, pool, 50)
		stop := start(t, relay)
		pause(t.Context(), 50*time.Millisecond)
		require.NoError(t, stop())
	}
	finish(t, pool, js)
}

// Relays are stopped while the broker goes and comes, whether it is there when they start, or when they end, or not.
func TestRelayStartsAndStopsWhileTheBrokerGoesAndComes(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, broker := natstest.JetStream(t)
	stop := keepAppending(t, pool)
	ctx, cancel := context.WithCancel(t.Context())
	relaying := make(chan error, 1)
	go func() {
		var failed error
		for ctx.Err() == nil {
			failed = errors.Join(failed, runBriefly(ctx, pool, js, 150*time.Millisecond))
		}
		relaying <- failed
	}()
	for range rounds(8, 200) {
		pause(ctx, 200*time.Millisecond)
		require.NoError(t, broker.Stop())
		pause(ctx, 200*time.Millisecond)
		require.NoError(t, broker.Restart())
	}
	cancel()
	require.NoError(t, <-relaying)
	stop()
	finish(t, pool, js)
}
