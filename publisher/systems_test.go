package publisher_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/publisher"
)

// What the outboxes before this one promise of their loops, or lack, one test each.

// fickle is a destination that fails as it is told to, and remembers what it took.
type fickle struct {
	fail func(position contrail.Position, attempt int) error

	mu       sync.Mutex
	attempts map[contrail.Position]int
	taken    []contrail.Position
}

// newFickle asks fail about each event at each attempt, from 1.
func newFickle(fail func(position contrail.Position, attempt int) error) *fickle {
	return &fickle{fail: fail, attempts: map[contrail.Position]int{}}
}

func (f *fickle) Publish(_ string, messages ...*message.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, msg := range messages {
		n, err := strconv.ParseInt(msg.Metadata.Get(wire.KeyPosition), 10, 64)
		if err != nil {
			return err
		}
		position := contrail.Position(n)
		f.attempts[position]++
		if err := f.fail(position, f.attempts[position]); err != nil {
			return err
		}
		f.taken = append(f.taken, position)
	}
	return nil
}

func (f *fickle) Close() error { return nil }

func (f *fickle) has() []contrail.Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.taken)
}

func (f *fickle) tried(position contrail.Position) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.attempts[position]
}

func upTo(n int, but ...contrail.Position) (positions []contrail.Position) {
	for position := contrail.Position(1); position <= contrail.Position(n); position++ {
		if !slices.Contains(but, position) {
			positions = append(positions, position)
		}
	}
	return positions
}

// watch counts the events that come to the forwarder's handler.
func watch(handle func(events []contrail.Recorded)) []message.HandlerMiddleware {
	return []message.HandlerMiddleware{func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			handle(publisher.Events(msg))
			return next(msg)
		}
	}}
}

// Nothing queued: nothing is published, and nobody is called.
func TestEmptyBatch(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	cfg := polling()
	cfg.Middlewares = watch(func([]contrail.Recorded) { t.Error("there is no batch") })
	var armed trap
	sprung := armed.set("after fetch", 5, func() {})
	relay := newRelay(t, pool, js, cfg)
	relay.OnPoint(armed.pass)
	stop := start(t, relay)
	awaitSprung(t, sprung)
	require.NoError(t, stop())
	require.Empty(t, readStream(t, js))
	require.Empty(t, states(t, pool))
}

// All succeed: each is published once, and counted.
func TestBatchThatSucceeds(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	to := newFickle(func(contrail.Position, int) error { return nil })
	insertEvents(t, pool, 100)
	var told []contrail.Position
	cfg := anywhereConfig()
	cfg.Hooks.OnPublished = func(_ context.Context, what publisher.Published) {
		for _, event := range what.Events {
			told = append(told, event.Position)
		}
	}
	relay, err := publisher.NewRelayTo(pool, to, cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	drained, err := relay.Drain(ctx, nil)
	require.NoError(t, err)
	require.True(t, drained.OK, "%+v", drained)
	require.Equal(t, upTo(100), to.has())
	require.Equal(t, upTo(100), told)
}

// A mixed batch: the transient failure is left and comes again, the permanent one is parked with its reason, the rest goes on, and each outcome
// is its own event's. Order is kept: nothing passes what may yet succeed, and all else passes what never will.
func TestMixedBatch(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	const transient, permanent = 3, 5
	var to *fickle
	to = newFickle(func(position contrail.Position, attempt int) error {
		switch {
		case position == transient && attempt < 4:
			if !slices.Equal(upTo(transient-1), to.taken) {
				t.Errorf("it goes past what is transient: %v", to.taken)
			}
			return errors.New("not now")
		case position == permanent:
			return contrail.Permanent(errors.New("never"))
		}
		return nil
	})
	insertEvents(t, pool, 40)
	cfg := anywhereConfig()
	cfg.Attempts = 2
	relay, err := publisher.NewRelayTo(pool, to, cfg)
	require.NoError(t, err)
	start(t, relay)
	awaitStates(t, pool, "5:parked")
	require.Eventually(t, func() bool { return len(to.has()) == 39 }, patience, 5*time.Millisecond)
	require.Equal(t, upTo(40, permanent), to.has())
	require.Equal(t, 4, to.tried(transient))
	require.Equal(t, 2, to.tried(permanent), "attempts are bounded")
	var reason, failure string
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT reason, error FROM contrail.parked`).Scan(&reason, &failure))
	require.Equal(t, "refused", reason)
	require.Equal(t, "never", failure)
}

// The destination refuses everything for a while, more often than an event may be refused: nothing is parked, nothing is lost, and the error is
// there to be seen meanwhile.
func TestWholeBatchIsTransient(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	const away = 20
	to := newFickle(func(_ contrail.Position, attempt int) error {
		if attempt <= away {
			return errors.New("the destination is away")
		}
		return nil
	})
	insertEvents(t, pool, 3)
	cfg := anywhereConfig()
	cfg.Attempts, cfg.RetryMax = 2, 2*time.Millisecond
	relay, err := publisher.NewRelayTo(pool, to, cfg)
	require.NoError(t, err)
	start(t, relay)
	require.Eventually(t, func() bool { return len(to.has()) == 3 }, patience, 5*time.Millisecond)
	require.Equal(t, upTo(3), to.has())
	require.Equal(t, away+1, to.tried(1))
	require.Empty(t, states(t, pool))
	require.Eventually(t, func() bool {
		var failure string
		var retried int
		err := pool.QueryRow(t.Context(), `SELECT last_error, retried FROM contrail.relay_processes`).Scan(&failure, &retried)
		return err == nil && retried == 3*away && failure == "publish position 3 to topic events.bulk: the destination is away"
	}, patience, 10*time.Millisecond)
}

// Batches honour both limits: one ends with the event that reaches either.
func TestOversizeBatchIsSplit(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	for range 3 {
		insertEvents(t, pool, 100)
		insertBig(t, pool, "big-1")
		insertBig(t, pool, "big-1")
	}
	cfg := impatient()
	cfg.BatchEvents, cfg.BatchBytes = 30, 50_000
	cfg.Middlewares = watch(func(events []contrail.Recorded) {
		bytes := 0
		for _, event := range events[:len(events)-1] {
			bytes += len(event.Data)
		}
		if n := len(events); n > cfg.BatchEvents || bytes >= cfg.BatchBytes {
			t.Errorf("a batch of %d events and %d bytes", n, bytes)
		}
	})
	stop := start(t, newRelay(t, pool, js, cfg))
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	requireExact(t, pool, js)
}

// What is published is not published again: not by the next relay, and not by one that has lost its cursor.
func TestAlreadyPublishedIsSkipped(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 100)
	relayAll(t, pool, js)
	cfg := impatient()
	var mu sync.Mutex
	var seen []contrail.Position
	cfg.Middlewares = watch(func(events []contrail.Recorded) {
		mu.Lock()
		defer mu.Unlock()
		for _, event := range events {
			seen = append(seen, event.Position)
		}
	})
	for _, forget := range []string{`SELECT`, `DELETE FROM contrail.relays`} {
		_, err := pool.Exec(t.Context(), forget)
		require.NoError(t, err)
		insertEvents(t, pool, 1)
		stop := start(t, newRelay(t, pool, js, cfg))
		awaitCaughtUp(t, pool, js)
		require.NoError(t, stop())
	}
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []contrail.Position{101, 102}, seen)
	requireExact(t, pool, js)
}

// A crash between claim and outcome leaves nothing behind that needs a reaper: there is no state in between, and the next relay goes on at
// once.
func TestNoRowIsStuckInPublishing(t *testing.T) {
	t.Parallel()
	b := newBench(t, processSettings{})
	insertEvents(t, b.pool, 100)
	for _, point := range []string{"in mid-batch", "after publish", "before cursor"} {
		b.kill(t, point, 0)
		drained := b.drain(t)
		require.True(t, drained.OK, "%s: %+v", point, drained)
		insertEvents(t, b.pool, 100)
	}
	b.requireComplete(t, false)
	requireExact(t, b.pool, b.js)
}

// A row about an event that is not there, in a store that was tampered with, is passed over, and neither stops the relay nor keeps it busy.
func TestRowOfAPurgedEventIsNotLooped(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 10)
	relayAll(t, pool, js)
	_, err := pool.Exec(t.Context(), `INSERT INTO contrail.parked (relay, position, stream, state, reason) VALUES ('EVENTS', 1000000, 'gone-1', 'requeued', 'refused')`)
	require.NoError(t, err)
	cfg := impatient()
	cfg.Middlewares = watch(func(events []contrail.Recorded) {
		if len(events) != 10 {
			t.Errorf("%d events instead of the next ones", len(events))
		}
	})
	stop := start(t, newRelay(t, pool, js, cfg))
	insertEvents(t, pool, 10)
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	require.Len(t, readStream(t, js), 20)
}

// A relay that is told to end before it starts does nothing, and leaves nothing.
func TestShutdownBeforeStart(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, newRelay(t, pool, js, impatient()).Run(ctx))
	var rows int
	require.NoError(t, pool.QueryRow(t.Context(),
		`SELECT (SELECT count(*) FROM contrail.relays) + (SELECT count(*) FROM contrail.relay_processes)`).Scan(&rows))
	require.Zero(t, rows)
	finish(t, pool, js)
}

// A relay that is told to end by what it calls finishes that, and ends.
func TestTerminateFromWithinABatch(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 100)
	ctx, cancel := context.WithCancel(t.Context())
	cfg := impatient()
	cfg.InFlight, cfg.Middlewares = 1, watch(func([]contrail.Recorded) { cancel() })
	require.NoError(t, newRelay(t, pool, js, cfg).Run(ctx))
	require.Len(t, readStream(t, js), 20, "the batch that it was about")
	var position contrail.Position
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT position FROM contrail.relays`).Scan(&position))
	require.EqualValues(t, 20, position)
	finish(t, pool, js)
}

// An error on the way to the next events is logged, once each time, and the loop goes on.
func TestErrorWhileReadingIsLoggedAndTheLoopGoesOn(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	var log warnings
	cfg := impatient()
	cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	var armed trap
	relay := newRelay(t, pool, js, cfg)
	relay.OnPoint(armed.pass)
	sprung := armed.set("before fetch", 0, func() {
		if _, err := pool.Exec(context.Background(), endSessionsSQL); err != nil {
			t.Error(err)
		}
	})
	stop := start(t, relay)
	awaitSprung(t, sprung)
	insertEvents(t, pool, 10)
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	require.EqualValues(t, 1, log.lines.Load())
	require.Contains(t, log.first.Load(), "relaying is interrupted and will go on")
	requireExact(t, pool, js)
}

// End to end: a process is spawned, publishes, tells how much, and ends upon SIGTERM.
func TestSpawnedRelayPublishesAndEndsUponTERM(t *testing.T) {
	t.Parallel()
	b := newBench(t, processSettings{})
	insertEvents(t, b.pool, 100)
	process := startProcess(t, b.pool, b.broker.URL(), "", 0)
	require.Eventually(t, func() bool {
		var published int
		err := b.pool.QueryRow(t.Context(), `SELECT published FROM contrail.relay_processes`).Scan(&published)
		return err == nil && published == 100
	}, patience, 10*time.Millisecond)
	require.NoError(t, process.Process.Signal(syscall.SIGTERM))
	require.NoError(t, process.Wait())
	var rows int
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT count(*) FROM contrail.relay_processes`).Scan(&rows))
	require.Zero(t, rows, "its row goes with it")
	requireExact(t, b.pool, b.js)
}
