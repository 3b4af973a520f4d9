package publisher_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

func TestDrainRelaysAllThatIsSettledAndEnds(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 2000)
	var last atomic.Int64
	drained, err := newRelay(t, pool, js, publisher.Config{}).Drain(t.Context(), func(done, total contrail.Position) {
		last.Store(int64(done))
		require.EqualValues(t, 2000, total)
	})
	require.NoError(t, err)
	require.True(t, drained.OK, "%+v", drained)
	require.EqualValues(t, 2000, drained.Position)
	require.EqualValues(t, 2000, last.Load())
	requireExact(t, pool, js)
	require.Empty(t, leaderOf(t, pool))

	again, err := newRelay(t, pool, js, publisher.Config{}).Drain(t.Context(), nil)
	require.NoError(t, err)
	require.True(t, again.OK, "nothing to do is done, too")
}

func TestDrainOfAnEmptyStore(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	drained, err := newRelay(t, pool, js, publisher.Config{}).Drain(t.Context(), nil)
	require.NoError(t, err)
	require.True(t, drained.OK)
}

// Where another relay leads, a drain waits for that one.
func TestDrainBesideALeader(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	stop := start(t, newRelay(t, pool, js, publisher.Config{Identity: "leader:1"}))
	insertEvents(t, pool, 10)
	awaitCaughtUp(t, pool, js)
	insertEvents(t, pool, 500)
	drained, err := newRelay(t, pool, js, publisher.Config{Identity: "drain:2"}).Drain(t.Context(), nil)
	require.NoError(t, err)
	require.True(t, drained.OK, "%+v", drained)
	require.Equal(t, "leader:1", drained.Leader)
	require.NoError(t, stop())
	requireExact(t, pool, js)
}

// Without a broker nothing can be drained: what is left is told when the time is over.
func TestDrainTellsWhatIsLeft(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, broker := natstest.JetStream(t)
	insertEvents(t, pool, 30)
	require.NoError(t, broker.Stop())
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	cfg := impatient()
	cfg.AckTimeout = 50 * time.Millisecond
	drained, err := newRelay(t, pool, js, cfg).Drain(ctx, nil)
	require.NoError(t, err)
	require.False(t, drained.OK)
	require.EqualValues(t, 30, drained.Left)
	require.NoError(t, broker.Restart())
	finish(t, pool, js)
}

// A stream that is gone is a fault, although the cursor says that all is done.
func TestDrainLooksAtTheStream(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 30)
	relayAll(t, pool, js)
	require.NoError(t, js.DeleteStream(t.Context(), "EVENTS"))
	_, err := newRelay(t, pool, js, impatient()).Drain(t.Context(), nil)
	require.ErrorIs(t, err, publisher.ErrForeignStream)
	require.ErrorContains(t, err, "contrail rebuild")
}

// A paused stream is left alone, by drains and by relays that start, until it is resumed.
func TestDrainLeavesAPausedStreamAlone(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 5)
	relayAll(t, pool, js)
	_, err := pool.Exec(t.Context(), `UPDATE contrail.relays SET paused_at = now()`)
	require.NoError(t, err)
	insertEvents(t, pool, 5)
	drained, err := newRelay(t, pool, js, impatient()).Drain(t.Context(), nil)
	require.NoError(t, err)
	require.False(t, drained.OK)
	require.True(t, drained.Paused)
	require.EqualValues(t, 5, drained.Left)
	require.Len(t, readStream(t, js), 5)

	stop := start(t, newRelay(t, pool, js, impatient()))
	_, err = pool.Exec(t.Context(), `UPDATE contrail.relays SET paused_at = NULL`)
	require.NoError(t, err)
	awaitCaughtUp(t, pool, js)
	require.NoError(t, stop())
	requireExact(t, pool, js)
}

// A stream that was deleted, or emptied, is filled again from the first event on; what is discarded stays out, and what was requeued comes in its order.
func TestRebuildFillsAStreamFromTheFirstEventOn(t *testing.T) {
	t.Parallel()
	for name, empty := range map[string]func(*testing.T, jetstream.JetStream){
		"deleted": func(t *testing.T, js jetstream.JetStream) {
			t.Helper()
			require.NoError(t, js.DeleteStream(t.Context(), "EVENTS"))
		},
		"deleted and made anew": func(t *testing.T, js jetstream.JetStream) {
			t.Helper()
			require.NoError(t, js.DeleteStream(t.Context(), "EVENTS"))
			createStream(t, js, func(cfg *jetstream.StreamConfig) { *cfg = publisher.StreamConfig(publisher.Config{}) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			js, _, widen := narrow(t)
			cfg := impatient()
			cfg.Attempts = 1
			insertBig(t, pool, "big-1") // 1: requeued
			insertBig(t, pool, "big-2") // 2: discarded
			insertEvents(t, pool, 50)
			stop := start(t, newRelay(t, pool, js, cfg))
			awaitStates(t, pool, "1:parked", "2:parked")
			awaitCaughtUp(t, pool, js)
			widen()
			requeue(t, pool, 1)
			awaitStates(t, pool, "1:published", "2:parked")
			require.NoError(t, stop())
			discard(t, pool, 2)
			empty(t, js)

			drained, err := newRelay(t, pool, js, cfg).Rebuild(t.Context(), nil)
			require.NoError(t, err)
			require.True(t, drained.OK, "%+v", drained)
			positions := positionsIn(t, js)
			require.Len(t, positions, 51)
			require.Equal(t, "1", positions[0])
			require.Equal(t, "3", positions[1])
			require.True(t, verify(t, pool, js).OK)
		})
	}
}

// A stream that ends with an event of ours goes on behind it, its messages compared.
func TestRebuildGoesOnWhereTheStreamEnds(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 40)
	relayAll(t, pool, js)
	replaceStream(t, js, 25)
	drained, err := newRelay(t, pool, js, impatient()).Rebuild(t.Context(), nil)
	require.NoError(t, err)
	require.True(t, drained.OK)
	requireExact(t, pool, js)
}

func TestRebuildRefuses(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 10)
	stop := start(t, newRelay(t, pool, js, impatient()))
	awaitCaughtUp(t, pool, js)
	_, err := newRelay(t, pool, js, impatient()).Rebuild(t.Context(), nil)
	require.ErrorIs(t, err, publisher.ErrLed)
	require.NoError(t, stop())

	_, err = js.Publish(t.Context(), "events.foreign.1.Done", []byte("hello"))
	require.NoError(t, err)
	_, err = newRelay(t, pool, js, impatient()).Rebuild(t.Context(), nil)
	require.ErrorIs(t, err, publisher.ErrForeignWriter)
}
