package publisher_test

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// startProcess starts a relay as a process of its own, which kills itself at a point of its loop, passed so many times; "" for never.
func startProcess(tb testing.TB, pool *pgxpool.Pool, natsURL, point string, after int) *exec.Cmd {
	tb.Helper()
	process := relayProcess(pool, natsURL, point, after)
	startRelay(tb, process)
	return process
}

func relayProcess(pool *pgxpool.Pool, natsURL, point string, after int) *exec.Cmd {
	process := exec.CommandContext(context.Background(), os.Args[0], "-test.run=^$")
	process.Env = append(os.Environ(), "CONTRAIL_TEST_RELAY=1", "DATABASE_URL="+pool.Config().ConnString(), "NATS_URL="+natsURL,
		"CONTRAIL_TEST_KILL_AT="+point, "CONTRAIL_TEST_KILL_AFTER="+strconv.Itoa(after))
	process.Stderr = os.Stderr
	return process
}

func startRelay(tb testing.TB, process *exec.Cmd) {
	tb.Helper()
	require.NoError(tb, process.Start())
	tb.Cleanup(func() { _ = process.Process.Kill(); _ = process.Wait() })
}

// awaitKilled waits until the process has ended by SIGKILL, and fails if it never does.
func awaitKilled(tb testing.TB, process *exec.Cmd) {
	tb.Helper()
	enough := time.AfterFunc(patience, func() { _ = process.Process.Signal(syscall.SIGABRT) })
	defer enough.Stop()
	_ = process.Wait()
	status, ok := process.ProcessState.Sys().(syscall.WaitStatus)
	require.True(tb, ok)
	require.Equal(tb, syscall.SIGKILL, status.Signal(), "the relay should have died by SIGKILL: %s", process.ProcessState)
}

// keepAppending appends from several goroutines until the returned function is called.
func keepAppending(tb testing.TB, pool *pgxpool.Pool) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	var writers sync.WaitGroup
	for writer := range 4 {
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				stream := contrail.NewStreamID("test", strconv.Itoa(writer)+"x"+strconv.Itoa(i%5))
				if err := appendOne(context.WithoutCancel(ctx), pool, stream, i); err != nil {
					tb.Errorf("append: %v", err)
				}
				pause(ctx, time.Millisecond)
			}
		})
	}
	stop = func() { cancel(); writers.Wait() }
	tb.Cleanup(stop)
	return stop
}

func pause(ctx context.Context, longest time.Duration) {
	timer := time.NewTimer(rand.N(longest))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// The relay is killed again and again, at every point of its loop and at moments of no choosing, while events are appended.
func TestRelayKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, server := natstest.JetStream(t)
	stop := keepAppending(t, pool)
	for _, point := range []string{"before fetch", "after fetch", "in mid-batch", "after publish", "after cursor"} {
		for _, after := range []int{0, 3} {
			awaitKilled(t, startProcess(t, pool, server.URL(), point, after))
		}
	}
	for range 4 {
		process := startProcess(t, pool, server.URL(), "", 0)
		pause(t.Context(), 300*time.Millisecond)
		require.NoError(t, process.Process.Kill())
		awaitKilled(t, process)
	}
	stop()
	finish(t, pool, js)
}

// finish relays what is left and checks the stream.
func finish(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream) {
	tb.Helper()
	stop := start(tb, newRelay(tb, pool, js, publisher.Config{}))
	awaitCaughtUp(tb, pool, js)
	require.NoError(tb, stop())
	requireExact(tb, pool, js)
}

// The relay dies between publishing and saving its cursor and comes back when the broker has forgotten every message id.
func TestRelayOutlastsTheDuplicateWindow(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, server := natstest.JetStream(t)
	const window = 100 * time.Millisecond
	createStream(t, js, func(cfg *jetstream.StreamConfig) { cfg.Duplicates = window })
	for range 3 {
		insertEvents(t, pool, 100)
		awaitKilled(t, startProcess(t, pool, server.URL(), "after publish", 1))
		time.Sleep(3 * window) //nolint:forbidigo // the broker's clock is what passes here
	}
	finish(t, pool, js)
}

// Three relays believe that they lead, at once, while events are appended. Now and then one of them freezes in the middle of a batch, for
// longer than the broker remembers message ids, and then goes on as if nothing had happened.
func TestRelaysThatAllBelieveTheyLead(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, server := natstest.JetStream(t)
	createStream(t, js, func(cfg *jetstream.StreamConfig) { cfg.Duplicates = 100 * time.Millisecond })
	stop := keepAppending(t, pool)
	var stops []func() error
	for range 3 {
		own, err := jetstream.New(natstest.Connect(t, server.URL()))
		require.NoError(t, err)
		relay := newRelay(t, pool, own, publisher.Config{BatchEvents: 7, RetryMin: time.Millisecond, RetryMax: 5 * time.Millisecond})
		relay.BelieveInLeading()
		relay.OnPoint(func(point string) {
			if point == "in mid-batch" && rand.N(25) == 0 {
				time.Sleep(250 * time.Millisecond) //nolint:forbidigo // frozen: nothing can wake it
			}
		})
		stops = append(stops, start(t, relay))
	}
	for range 10 {
		pause(t.Context(), 600*time.Millisecond)
	}
	stop()
	awaitCaughtUp(t, pool, js)
	for _, stop := range stops {
		require.NoError(t, stop())
	}
	requireExact(t, pool, js)
}
