package publisher_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/parked"
)

// Messages are gone from the stream's middle, and what stands behind them is a marked one: whoever reads all of it back, since the cursor is
// lost, takes the events behind for ours nevertheless.
func TestALostCursorAndAHoleBeforeAMarkedMessage(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 10)
	damage(t, pool, js, oneOf(3))
	require.EqualValues(t, 1, repair(t, pool, js, publisher.VerifyConfig{}).Asked)
	relayAll(t, pool, js) // event 3 is message 11, marked
	insertEvents(t, pool, 5)
	relayAll(t, pool, js)
	loseInPlace(t, js, func(sequence uint64) bool { return sequence == 10 })
	_, err := pool.Exec(t.Context(), `DELETE FROM contrail.relays`)
	require.NoError(t, err)
	insertEvents(t, pool, 5)
	relayAll(t, pool, js)
	report := verify(t, pool, js)
	require.Equal(t, []contrail.Position{10}, report.Missing)
	require.Zero(t, report.DuplicatesTotal)
}

// A relay that has not noticed that it leads no more publishes in its order what its successor has parked, and passed. The successor
// finds it, and does not publish it again, although a person asks for that at the same moment.
func TestAStaleRelayPublishesWhatItsSuccessorHasParked(t *testing.T) {
	t.Parallel()
	for name, fence := range map[string]publisher.Fence{"last sequence": publisher.LastSequence, "message id": publisher.MsgID} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			js, _, widen := narrow(t)
			cfg := impatient()
			cfg.Attempts, cfg.Fence = 1, fence
			insertEvents(t, pool, 5)
			insertBig(t, pool, "big-1")
			drain := func() publisher.Drained {
				drained, err := newRelay(t, pool, js, cfg).Drain(t.Context(), nil)
				require.NoError(t, err)
				return drained
			}
			require.EqualValues(t, 1, drain().Parked)
			widen()
			publishAsIfInOrder(t, pool, js, 6, 5)
			requeue(t, pool, 6)
			insertEvents(t, pool, 5)
			require.True(t, drain().OK)
			report, err := publisher.Verify(t.Context(), pool, js, publisher.VerifyConfig{})
			require.NoError(t, err)
			require.True(t, report.OK, "%+v", report)
			require.Zero(t, report.Resent)
			require.Equal(t, []string{"6:published"}, states(t, pool))
		})
	}
}

// publishAsIfInOrder publishes an event as a relay does that is at its place.
func publishAsIfInOrder(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream, position contrail.Position, after uint64) {
	tb.Helper()
	publishCopies(tb, pool, js, copied{position: position})
	stream, err := js.Stream(tb.Context(), "EVENTS")
	require.NoError(tb, err)
	require.Equal(tb, after+1, stream.CachedInfo().State.LastSeq)
}

// All of a batch is left out: a middleware that looks at the first of its events does not meet one without events.
func TestMiddlewaresMeetNoBatchWithoutEvents(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _, widen := narrow(t)
	insertSmall(t, pool, "held-1")
	insertBig(t, pool, "held-1")
	for range 20 {
		insertSmall(t, pool, "held-1")
	}
	insertSmall(t, pool, "other-1")
	cfg := impatient()
	cfg.OnPermanent, cfg.Attempts, cfg.BatchEvents = publisher.PerStream, 2, 3
	cfg.Middlewares = watch(func(events []contrail.Recorded) {
		if len(events) == 0 {
			t.Error("a batch has no events")
		}
	})
	drained, err := newRelay(t, pool, js, cfg).Drain(t.Context(), nil)
	require.NoError(t, err)
	require.Zero(t, drained.Left)
	require.EqualValues(t, 20, drained.Held)
	require.Equal(t, []string{"1", "23"}, positionsIn(t, js))
	var sequence int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT sequence FROM contrail.relays`).Scan(&sequence))
	require.Equal(t, 2, sequence)

	widen()
	requeue(t, pool, 2)
	awaitDrained(t, pool, js, cfg)
	require.True(t, verify(t, pool, js).OK)
}

// What was parked is large, and asked for all at once: it is published in batches of no more bytes than others.
func TestRequeuedEventsComeInBatchesOfBoundedSize(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _, widen := narrow(t)
	const bigs = 30
	for range bigs {
		insertBig(t, pool, "big-1")
	}
	cfg := impatient()
	cfg.Attempts = 1
	drained, err := newRelay(t, pool, js, cfg).Drain(t.Context(), nil)
	require.NoError(t, err)
	require.EqualValues(t, bigs, drained.Parked)
	widen()
	_, err = parked.Requeue(t.Context(), pool, parked.Matching(parked.Filter{}), parked.Decision{By: "test"})
	require.NoError(t, err)
	cfg.BatchEvents, cfg.BatchBytes = 500, 300_000
	largest := 0
	cfg.Middlewares = watch(func(events []contrail.Recorded) { largest = max(largest, len(events)) })
	awaitDrained(t, pool, js, cfg)
	require.True(t, verify(t, pool, js).OK)
	require.LessOrEqual(t, largest, 4)
}

// taking is a destination that takes events but for the one that it is told to refuse, and counts them.
type taking struct {
	mu     sync.Mutex
	refuse string
	taken  map[string]int
}

func (d *taking) Publish(_ string, messages ...*message.Message) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, msg := range messages {
		position := msg.Metadata.Get(wire.KeyPosition)
		if position == d.refuse {
			return contrail.Permanent(fmt.Errorf("position %s: not this one", position))
		}
		d.taken[position]++
	}
	return nil
}

func (d *taking) Close() error { return nil }

func (d *taking) accept() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refuse = ""
}

func (d *taking) times(position string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.taken[position]
}

// A rebuild sends everything to another publisher again, what was requeued before included.
func TestRebuildToAnyPublisherSendsWhatWasRequeuedToo(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	insertEvents(t, pool, 9)
	to := &taking{taken: map[string]int{}, refuse: "4"}
	cfg := anywhereConfig()
	cfg.Attempts = 1
	relay, err := publisher.NewRelayTo(pool, to, cfg)
	require.NoError(t, err)
	drained, err := relay.Drain(t.Context(), nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, drained.Parked)
	to.accept()
	_, err = parked.Requeue(t.Context(), pool, parked.Matching(parked.Filter{}), parked.Decision{By: "test"})
	require.NoError(t, err)
	drained, err = relay.Rebuild(t.Context(), nil)
	require.NoError(t, err)
	require.True(t, drained.OK, "%+v", drained)
	require.Equal(t, 1, to.times("4"))
	_, err = relay.Rebuild(t.Context(), nil)
	require.NoError(t, err)
	for position := 1; position <= 9; position++ {
		require.GreaterOrEqual(t, to.times(strconv.Itoa(position)), 2, "position %d", position)
	}
}

// A shared stream is rebuilt whatever others have written to its end: what there is of ours stays, what is gone comes, each event once.
func TestRebuildOfASharedStream(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	cfg := sharing(t, js)
	edit(t, js, func(stream *jetstream.StreamConfig) { stream.MaxMsgSize = 64 << 10 })
	cfg.Attempts = 1
	insertEvents(t, pool, 10)
	insertBig(t, pool, "big-1")
	insertEvents(t, pool, 10)
	_, err := newRelay(t, pool, js, cfg).Drain(t.Context(), nil)
	require.NoError(t, err)
	edit(t, js, func(stream *jetstream.StreamConfig) { stream.MaxMsgSize = -1 })
	requeue(t, pool, 11)
	awaitDrained(t, pool, js, cfg)
	loseMessages(t, js, 4, 5, 12)
	publishOther(t, js)
	_, err = js.PublishMsg(context.Background(), &nats.Msg{Subject: "other.last"})
	require.NoError(t, err)
	drained, err := newRelay(t, pool, js, cfg).Rebuild(t.Context(), nil)
	require.NoError(t, err)
	require.True(t, drained.OK, "%+v", drained)
	report := verifyShared(t, pool, js)
	require.True(t, report.OK, "%+v", report)
	require.EqualValues(t, 21, report.Published)
	require.EqualValues(t, 4, report.Resent)
}

// The broker comes back without its tail while a relay to a shared stream has nothing to do: no fence tells, so the loss of the connection does.
func TestMsgIDFenceNoticesALostTailInMidSession(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, broker := startKeptBroker(t)
	cfg := sharing(t, js)
	start(t, newRelay(t, pool, js, cfg))
	insertEvents(t, pool, 20)
	awaitCaughtUp(t, pool, js)
	putBack := broker.backUp(t)
	insertEvents(t, pool, 10)
	awaitCaughtUp(t, pool, js)
	before := js.Conn().Stats().Reconnects
	putBack()
	require.Eventually(t, func() bool { return js.Conn().Stats().Reconnects > before }, patience, 5*time.Millisecond)
	insertEvents(t, pool, 30)
	require.Eventually(t, func() bool {
		report, err := publisher.Verify(context.Background(), pool, js, publisher.VerifyConfig{Shared: true})
		return err == nil && report.OK
	}, patience, 50*time.Millisecond)
}
