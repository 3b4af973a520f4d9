package publisher_test

import (
	"context"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// replicated is a relay on a cluster of three, with a stream on all of them, while events are appended from several goroutines.
type replicated struct {
	cluster   *natstest.Servers
	pool      *pgxpool.Pool
	js        jetstream.JetStream // the relay's
	appending func()              // stops it
	relaying  func() error        // likewise
}

// startReplicated starts all of it. The hook, if there is one, is called in mid-batch.
func startReplicated(tb testing.TB, inMidBatch func(*replicated)) *replicated {
	tb.Helper()
	r := &replicated{cluster: natstest.Cluster(tb, 3), pool: pgtest.New(tb)}
	r.js = r.cluster.JetStream(tb)
	createForgetful(tb, r.js, 3)
	r.cluster.Await("EVENTS")
	r.appending = keepAppending(tb, r.pool)
	relay := newRelay(tb, r.pool, r.js, impatient())
	relay.OnPoint(func(point string) {
		if point == "in mid-batch" && inMidBatch != nil {
			inMidBatch(r)
		}
	})
	r.relaying = start(tb, relay)
	return r
}

// createForgetful makes a stream that soon forgets message ids, so that nothing but the relay keeps events from being stored twice.
func createForgetful(tb testing.TB, js jetstream.JetStream, replicas int) {
	tb.Helper()
	createStream(tb, js, func(cfg *jetstream.StreamConfig) { cfg.Replicas, cfg.Duplicates = replicas, 100*time.Millisecond })
}

// finish stops what was started and checks the stream.
func (r *replicated) finish(tb testing.TB) {
	tb.Helper()
	r.appending()
	r.cluster.Await("EVENTS")
	awaitCaughtUp(tb, r.pool, r.js)
	require.NoError(tb, r.relaying())
	requireExact(tb, r.pool, r.js)
}

const recovery = 90 * time.Second // what is half open shows by a timeout alone

// awaitProgress waits until the stream has more than it has now: the relay has found its way back.
func awaitProgress(tb testing.TB, js jetstream.JetStream) {
	tb.Helper()
	var before uint64
	require.Eventually(tb, func() bool {
		sequence, err := lastSequence(js)
		if err == nil && before == 0 {
			before = sequence
		}
		return err == nil && sequence > before
	}, recovery, 10*time.Millisecond)
}

func lastSequence(js jetstream.JetStream) (uint64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	stream, err := js.Stream(ctx, "EVENTS")
	if err != nil {
		return 0, err
	}
	return stream.CachedInfo().State.LastSeq, nil
}

// rounds is how often a fault is repeated: more often with CONTRAIL_LONG=1.
func rounds(short, long int) int {
	if os.Getenv("CONTRAIL_LONG") != "" {
		return long
	}
	return short
}

func TestRelayOutlastsStreamLeadersThatStepDown(t *testing.T) {
	t.Parallel()
	r := startReplicated(t, nil)
	for range rounds(3, 60) {
		before := r.cluster.Await("EVENTS")
		insertEvents(t, r.pool, 2000) // batches are full, and many on their way
		require.Eventually(t, func() bool {
			_ = r.cluster.StepDown("EVENTS") // its answer may be lost
			after := r.cluster.Leader("EVENTS")
			return after >= 0 && after != before
		}, patience, 10*time.Millisecond)
		awaitProgress(t, r.js)
	}
	r.finish(t)
}

// Leaders step down at moments of no choosing, whether the last one is settled or not.
func TestRelayOutlastsLeadershipThatWanders(t *testing.T) {
	t.Parallel()
	r := startReplicated(t, nil)
	for range rounds(10, 200) {
		insertEvents(t, r.pool, 1000)
		_ = r.cluster.StepDown("EVENTS") // perhaps there is none
		pause(t.Context(), 300*time.Millisecond)
	}
	r.finish(t)
}

// The leader steps down between the two halves of a batch, and another one leads when the second half is sent.
func TestRelayOutlastsLeadersThatStepDownInMidBatch(t *testing.T) {
	t.Parallel()
	var stepped atomic.Int64
	most := int64(rounds(10, 200))
	r := startReplicated(t, func(r *replicated) {
		if rand.N(4) > 0 || stepped.Add(1) > most {
			return
		}
		before := r.cluster.Leader("EVENTS")
		_ = r.cluster.StepDown("EVENTS")
		// It may be the same one again, or have refused: then there is nothing to wait for.
		for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); pause(t.Context(), 10*time.Millisecond) {
			if after := r.cluster.Leader("EVENTS"); after >= 0 && after != before {
				return
			}
		}
	})
	require.Eventually(t, func() bool { return stepped.Load() >= most }, recovery, 10*time.Millisecond)
	r.finish(t)
}

// Nodes are killed and restarted: the one that the relay is connected to, the one that leads the stream, and each in turn.
func TestRelayOutlastsNodesThatAreKilled(t *testing.T) {
	t.Parallel()
	r := startReplicated(t, nil)
	victims := []func(round int) int{
		func(int) int { return r.cluster.ConnectedTo(r.js.Conn()) },
		func(int) int { return r.cluster.Leader("EVENTS") },
		func(round int) int { return round % 3 },
	}
	for round := range rounds(3, 30) {
		leader := r.cluster.Await("EVENTS")
		victim := victims[round%3](round / 3)
		if victim < 0 { // just then there was none
			victim = leader
		}
		insertEvents(t, r.pool, 2000)
		r.cluster.Kill(victim)
		awaitProgress(t, r.js) // two of three are enough
		r.cluster.Restart(victim)
		awaitProgress(t, r.js)
	}
	r.finish(t)
}

// Two of three nodes are killed, at once, and come back later.
func TestRelayOutlastsALostQuorum(t *testing.T) {
	t.Parallel()
	r := startReplicated(t, nil)
	for range rounds(1, 10) {
		leader := r.cluster.Await("EVENTS")
		other := (leader + 1) % 3
		insertEvents(t, r.pool, 2000)
		r.cluster.Kill(leader)
		r.cluster.Kill(other)
		pause(t.Context(), 3*time.Second)
		r.cluster.Restart(other)
		r.cluster.Restart(leader)
		awaitProgress(t, r.js)
	}
	r.finish(t)
}
