package publisher_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/parked"
)

// points are all the named points of the relay's loop.
var points = []string{"before fetch", "after fetch", "in mid-batch", "after publish", "before cursor", "after cursor"}

// bench is a store and a stream, and the relay processes that die between them.
type bench struct {
	pool     *pgxpool.Pool
	js       jetstream.JetStream
	broker   *localstack.NATS
	settings processSettings
}

// newBench has a stream that forgets message ids at once, unless they are its fence: exactness must not depend on them.
func newBench(t *testing.T, settings processSettings) *bench {
	t.Helper()
	js, server := natstest.JetStream(t)
	if settings.Fence == publisher.MsgID {
		sharing(t, js)
	} else {
		createForgetful(t, js, 1)
	}
	return &bench{pgtest.New(t), js, server, settings}
}

// newNarrowBench has a stream that takes messages of 64 KiB at most, until that limit is changed.
func newNarrowBench(t *testing.T, settings processSettings) *bench {
	t.Helper()
	b := newBench(t, settings)
	b.limit(t, 64<<10)
	return b
}

// limit bounds the messages that the stream takes; -1 is no limit.
func (b *bench) limit(t *testing.T, bytes int32) {
	t.Helper()
	stream, err := b.js.Stream(t.Context(), "EVENTS")
	require.NoError(t, err)
	cfg := stream.CachedInfo().Config
	cfg.MaxMsgSize = bytes
	_, err = b.js.UpdateStream(t.Context(), cfg)
	require.NoError(t, err)
}

// kill starts a relay that kills itself at a point of its loop, passed so many times, and waits for its end.
func (b *bench) kill(t *testing.T, point string, after int) {
	t.Helper()
	process := relayProcess(b.pool, b.broker.URL(), point, after)
	process.Env = append(process.Env, b.settings.environment(t))
	startRelay(t, process)
	awaitKilled(t, process)
}

// drain relays what is left, by a relay that nobody kills.
func (b *bench) drain(t *testing.T) publisher.Drained {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	drained, err := newRelay(t, b.pool, b.js, b.settings.config()).Drain(ctx, nil)
	require.NoError(t, err)
	return drained
}

// requireComplete drains, and checks that the stream has each event of the store once, and, where nothing was published out of its
// order, in it.
func (b *bench) requireComplete(t *testing.T, resent bool) {
	t.Helper()
	drained := b.drain(t)
	require.True(t, drained.OK, "%+v", drained)
	report, err := publisher.Verify(t.Context(), b.pool, b.js, publisher.VerifyConfig{Shared: b.settings.Fence == publisher.MsgID})
	require.NoError(t, err)
	require.True(t, report.OK, "%+v", report)
	require.Equal(t, report.Events, report.Published)
	messages := readMessages(t, b.js)
	require.Len(t, messages, int(report.Events))
	if !resent {
		require.Zero(t, report.Resent)
		require.True(t, slices.IsSortedFunc(messages, byPosition))
	}
}

func byPosition(a, b wire.Message) int { return cmp.Compare(a.Position, b.Position) }

// readMessages returns the events of a stream, whatever their format, in its order. Other messages are left out.
func readMessages(tb testing.TB, js jetstream.JetStream) []wire.Message {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := js.Stream(ctx, "EVENTS")
	require.NoError(tb, err)
	consumer, err := js.OrderedConsumer(ctx, "EVENTS", jetstream.OrderedConsumerConfig{})
	require.NoError(tb, err)
	iterator, err := consumer.Messages()
	require.NoError(tb, err)
	defer iterator.Stop()
	var messages []wire.Message
	for range stream.CachedInfo().State.Msgs {
		msg, err := iterator.Next(jetstream.NextContext(ctx))
		require.NoError(tb, err)
		if message, err := wire.DecodeMessage(msg.Headers(), msg.Data()); err == nil {
			messages = append(messages, message)
		}
	}
	return messages
}

// requireStreamsInOrder checks that each event stream is there in its own order.
func requireStreamsInOrder(tb testing.TB, messages []wire.Message) {
	tb.Helper()
	versions := map[contrail.StreamID]int64{}
	for _, message := range messages {
		require.Greater(tb, message.Version, versions[message.Stream], "%s at position %d", message.Stream, message.Position)
		versions[message.Stream] = message.Version
	}
}

// The relay is killed at each point of its loop, at once and later, on its way through a backlog. Whatever the format and the fence, and
// however it learns of events, the stream ends complete, once, in order.
func TestRelayKilledAtEachPointOfABacklog(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]processSettings{
		"notified":    {},
		"polling":     {Poll: 20 * time.Millisecond},
		"binary":      {Format: publisher.Binary},
		"held":        {OnPermanent: publisher.PerStream},
		"message ids": {Fence: publisher.MsgID},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, settings)
			for _, point := range points {
				for after := range 2 {
					insertEvents(t, b.pool, 120)
					if settings.Fence == publisher.MsgID {
						publishOther(t, b.js)
					}
					b.kill(t, point, after)
				}
			}
			b.requireComplete(t, false)
		})
	}
}

// The same while events are appended all the time, so that the relay is killed on its way through whatever there is.
func TestRelayKilledAtEachPointWhileEventsAreAppended(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]processSettings{
		"notified":    {},
		"polling":     {Poll: 5 * time.Millisecond},
		"binary":      {Format: publisher.Binary},
		"message ids": {Fence: publisher.MsgID},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, settings)
			stop := keepAppending(t, b.pool)
			for _, point := range points {
				for _, after := range []int{0, 3} {
					b.kill(t, point, after)
				}
			}
			stop()
			b.requireComplete(t, false)
		})
	}
}

// The relay is killed at each point while it parks an event and holds those behind it, and again while they are published after a person has
// requeued it: each is there once, and its stream in order.
func TestRelayKilledAtEachPointWhileItHoldsAStream(t *testing.T) {
	t.Parallel()
	for name, format := range map[string]publisher.Format{"structured": publisher.Structured, "binary": publisher.Binary} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newNarrowBench(t, processSettings{OnPermanent: publisher.PerStream, Attempts: 2, Format: format})
			for i, point := range points {
				stream := fmt.Sprintf("held-%d", i)
				insertEvents(t, b.pool, 30)
				insertSmall(t, b.pool, stream)
				insertBig(t, b.pool, stream)
				for range 30 { // two batches: held over more than one
					insertSmall(t, b.pool, stream)
				}
				insertEvents(t, b.pool, 30)
				b.kill(t, point, i%3)
			}
			drained := b.drain(t)
			require.EqualValues(t, len(points), drained.Parked, "%+v", drained)
			require.EqualValues(t, 30*len(points), drained.Held, "%+v", drained)
			require.Zero(t, drained.Left)
			requireStreamsInOrder(t, readMessages(t, b.js))

			b.limit(t, -1)
			big := parkedPositions(t, b.pool)
			for i, point := range points {
				requeue(t, b.pool, big[i])
				insertEvents(t, b.pool, 10)
				b.kill(t, point, i%2)
			}
			b.requireComplete(t, true)
			requireStreamsInOrder(t, readMessages(t, b.js))
		})
	}
}

// parkedPositions are those of the parked events that hold others, in their order.
func parkedPositions(tb testing.TB, pool *pgxpool.Pool) (positions []contrail.Position) {
	tb.Helper()
	for event, err := range parked.List(tb.Context(), pool, parked.Filter{Relay: "EVENTS", States: []parked.State{parked.Parked}}) {
		require.NoError(tb, err)
		positions = append(positions, event.Position)
	}
	return positions
}

// The relay is killed at each point while it publishes what a person has requeued, alone and in numbers, and what it finds in front of that.
func TestRelayKilledAtEachPointWhileItPublishesAgain(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]processSettings{
		"notified":    {},
		"polling":     {Poll: 20 * time.Millisecond},
		"binary":      {Format: publisher.Binary},
		"message ids": {Fence: publisher.MsgID},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings.Attempts = 1
			b := newNarrowBench(t, settings)
			for range 2 * len(points) {
				insertBig(t, b.pool, "big-1")
				insertEvents(t, b.pool, 5)
			}
			drained := b.drain(t)
			require.EqualValues(t, 2*len(points), drained.Parked, "%+v", drained)
			b.limit(t, -1)
			big := parkedPositions(t, b.pool)
			for i, point := range points {
				requeue(t, b.pool, big[2*i], big[2*i+1])
				insertEvents(t, b.pool, 50)
				b.kill(t, point, i%2)
			}
			b.requireComplete(t, true)
		})
	}
}
