package publisher_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/parked"
)

// moody is a destination that refuses some events for good and any event now and then, until it is appeased.
type moody struct {
	mu       sync.Mutex
	random   *rand.Rand
	appeased bool
	taken    map[string][]int64 // versions, by event stream, in the order in which they first came
}

func (d *moody) Publish(_ string, messages ...*message.Message) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, msg := range messages {
		version, err := strconv.ParseInt(msg.Metadata.Get(wire.KeyVersion), 10, 64)
		if err != nil {
			return err
		}
		stream := msg.Metadata.Get(wire.KeyStream)
		switch {
		case !d.appeased && version%7 == 0:
			return contrail.Permanent(errModel)
		case !d.appeased && d.random.IntN(10) == 0:
			return errModel
		}
		if !slices.Contains(d.taken[stream], version) {
			d.taken[stream] = append(d.taken[stream], version)
		}
	}
	return nil
}

func (d *moody) Close() error { return nil }

func (d *moody) appease() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.appeased = true
}

// To a destination that refuses, fails and lets relays die in mid-batch every event comes, and each event stream in its own order at its first
// coming, where streams are held.
func TestModelOfAnyPublisher(t *testing.T) {
	t.Parallel()
	rounds := 3
	if os.Getenv("CONTRAIL_LONG") != "" {
		rounds = 30
	}
	for round := range rounds {
		t.Run(strconv.Itoa(round), func(t *testing.T) {
			t.Parallel()
			seed, err := strconv.ParseUint(os.Getenv("CONTRAIL_MODEL_SEED"), 10, 64)
			if err != nil {
				seed = rand.Uint64()
			}
			t.Logf("CONTRAIL_MODEL_SEED=%d", seed)
			playAnywhere(t, rand.New(rand.NewPCG(seed, 3)))
		})
	}
}

func playAnywhere(t *testing.T, random *rand.Rand) {
	t.Helper()
	pool := pgtest.New(t)
	to := &moody{random: random, taken: map[string][]int64{}}
	relay := func() *publisher.Relay {
		to.mu.Lock()
		defer to.mu.Unlock()
		pick := func(values ...int) int { return values[random.IntN(len(values))] }
		relay, err := publisher.NewRelayTo(pool, to, publisher.Config{
			Stream: "elsewhere", BatchEvents: pick(1, 3, 20), InFlight: pick(1, 2, 8), Attempts: pick(1, 2, 3), OnPermanent: publisher.PerStream,
			RetryMin: time.Millisecond, RetryMax: 5 * time.Millisecond,
		})
		require.NoError(t, err)
		armed := &trap{}
		armed.set(points[random.IntN(len(points))], random.IntN(20), func() { _, _ = pool.Exec(context.Background(), endSessionsSQL) })
		relay.OnPoint(armed.pass)
		return relay
	}
	requeueAll := func() {
		_, err := parked.Requeue(t.Context(), pool, parked.Matching(parked.Filter{}), parked.Decision{By: "model"})
		require.NoError(t, err)
	}
	for range 6 {
		insertEvents(t, pool, 60)
		stop := start(t, relay())
		pause(t.Context(), 200*time.Millisecond)
		requeueAll()
		require.NoError(t, stop())
	}
	to.appease()
	requeueAll()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	drained, err := relay().Drain(ctx, nil)
	require.NoError(t, errors.Join(err, ctx.Err()))
	require.Zero(t, drained.Left+drained.Requeued, "%+v", drained)
	for drained.Parked > 0 && ctx.Err() == nil { // parked before a relay knew that it had been appeased
		requeueAll()
		drained, err = relay().Drain(ctx, nil)
		require.NoError(t, err)
	}
	require.True(t, drained.OK, "%+v", drained)
	require.Len(t, to.taken, 10)
	for stream, versions := range to.taken {
		require.Len(t, versions, 36, stream)
		require.True(t, slices.IsSorted(versions), "%s: %v", stream, versions)
	}
}
