package publisher_test

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/parked"
)

// chaos is a bench on which things happen at random.
type chaos struct {
	*bench

	random *rand.Rand
	alive  []*exec.Cmd // relays, the oldest first
	bigs   int
}

// Relays come and go, two at a time, of every kind. They die at random points and at random moments, freeze and go on, lose their connections; the
// broker restarts; events are refused, parked and asked for again, and those of their stream held, while events are appended. In the end each
// event is in the stream once, and each event stream in order.
//
// CONTRAIL_FAULTS is how long it lasts, as in 10m, and CONTRAIL_FAULTS_SEED chooses what happens.
func TestRelayOutlastsRandomFaults(t *testing.T) {
	t.Parallel()
	lasts, err := time.ParseDuration(os.Getenv("CONTRAIL_FAULTS"))
	if err != nil {
		lasts = 3 * time.Second
	}
	seed, err := strconv.ParseUint(os.Getenv("CONTRAIL_FAULTS_SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64()
	}
	t.Logf("CONTRAIL_FAULTS=%s CONTRAIL_FAULTS_SEED=%d", lasts, seed)
	c := &chaos{
		bench:  newNarrowBench(t, processSettings{OnPermanent: publisher.PerStream, Attempts: 2}),
		random: rand.New(rand.NewPCG(seed, 0)),
	}
	appending := keepAppending(t, c.pool)
	happened := map[string]int{}
	for until := time.Now().Add(lasts); time.Now().Before(until); {
		if len(c.alive) == 2 {
			c.end(t, syscall.SIGKILL)
		}
		c.start(t)
		for range c.random.IntN(4) {
			c.wait(t.Context(), 100*time.Millisecond)
			one := events[c.random.IntN(len(events))]
			one.happens(t, c)
			happened[one.name]++
		}
	}
	for len(c.alive) > 0 {
		c.end(t, syscall.SIGTERM)
	}
	appending()
	t.Logf("%d big events, and %v", c.bigs, happened)
	c.limit(t, -1)
	c.requeueAll(t)
	c.requireComplete(t, true)
	requireStreamsInOrder(t, readMessages(t, c.js))
}

// events are what may happen.
var events = []struct {
	name    string
	happens func(*testing.T, *chaos)
}{
	{"a relay is told to end", func(t *testing.T, c *chaos) { t.Helper(); c.end(t, syscall.SIGTERM) }},
	{"a relay is killed", func(t *testing.T, c *chaos) { t.Helper(); c.end(t, syscall.SIGKILL) }},
	{"a relay freezes", func(t *testing.T, c *chaos) {
		t.Helper()
		for _, process := range c.alive { // it may be dead already
			_ = process.Process.Signal(syscall.SIGSTOP)
			c.wait(t.Context(), 200*time.Millisecond)
			_ = process.Process.Signal(syscall.SIGCONT)
		}
	}},
	{"sessions end", func(t *testing.T, c *chaos) { t.Helper(); inside["the database ends its sessions"](t, c.bench) }},
	{"the broker restarts", func(t *testing.T, c *chaos) { t.Helper(); inside["the broker restarts"](t, c.bench) }},
	{"an event is too big", func(t *testing.T, c *chaos) {
		t.Helper()
		stream := "big-" + strconv.Itoa(c.random.IntN(3))
		insertSmall(t, c.pool, stream)
		insertBig(t, c.pool, stream)
		insertSmall(t, c.pool, stream)
		c.bigs++
	}},
	{"all are asked for again", func(t *testing.T, c *chaos) { t.Helper(); c.requeueAll(t) }},
}

// start starts a relay of any kind, which kills itself at any point unless something else happens before.
func (c *chaos) start(t *testing.T) {
	t.Helper()
	settings := c.settings
	settings.Format = []publisher.Format{publisher.Structured, publisher.Binary}[c.random.IntN(2)]
	settings.Poll = []time.Duration{0, 5 * time.Millisecond}[c.random.IntN(2)]
	process := relayProcess(c.pool, c.broker.URL(), points[c.random.IntN(len(points))], c.random.IntN(40))
	process.Env = append(process.Env, settings.environment(t))
	startRelay(t, process)
	c.alive = append(c.alive, process)
}

// end ends the oldest relay, if there is one. None ends by itself but by its own hand.
func (c *chaos) end(t *testing.T, by syscall.Signal) {
	t.Helper()
	if len(c.alive) == 0 {
		return
	}
	process := c.alive[0]
	c.alive = c.alive[1:]
	_ = process.Process.Signal(by)
	_ = process.Wait()
	require.True(t, !process.ProcessState.Exited() || process.ProcessState.Success(), "%s", process.ProcessState)
}

// wait waits for a random time.
func (c *chaos) wait(ctx context.Context, longest time.Duration) {
	timer := time.NewTimer(time.Duration(c.random.Int64N(int64(longest))))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (c *chaos) requeueAll(t *testing.T) {
	t.Helper()
	_, err := parked.Requeue(t.Context(), c.pool, parked.Matching(parked.Filter{Relay: "EVENTS"}), parked.Decision{By: "test"})
	require.NoError(t, err)
}
