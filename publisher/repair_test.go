package publisher_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/parked"
)

// damage makes a stream that a relay has filled with every event of the store, and from which an administrator has deleted some since.
func damage(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream, gone func(contrail.Position) bool) {
	tb.Helper()
	createStream(tb, js, func(cfg *jetstream.StreamConfig) { cfg.DenyDelete = false })
	publishSome(tb, pool, js, func(contrail.Position) bool { return true })
	stream, err := js.Stream(tb.Context(), "EVENTS")
	require.NoError(tb, err)
	last := stream.CachedInfo().State.LastSeq
	for sequence := uint64(1); sequence <= last; sequence++ {
		if gone(contrail.Position(sequence)) {
			require.NoError(tb, stream.DeleteMsg(tb.Context(), sequence))
		}
	}
	cfg := stream.CachedInfo().Config
	cfg.DenyDelete = true
	_, err = js.UpdateStream(tb.Context(), cfg)
	require.NoError(tb, err)
	_, err = pool.Exec(tb.Context(), `INSERT INTO contrail.relays (stream, position, sequence) VALUES ('EVENTS', $1, $1)`, int64(last))
	require.NoError(tb, err)
}

// oneOf is the set of some positions.
func oneOf(positions ...contrail.Position) func(contrail.Position) bool {
	return func(position contrail.Position) bool { return slices.Contains(positions, position) }
}

func repair(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream, cfg publisher.VerifyConfig) publisher.RepairReport {
	tb.Helper()
	report, err := publisher.Repair(tb.Context(), pool, js, cfg)
	require.NoError(tb, err)
	return report
}

// awaitRepaired waits until the relay has published what it was asked for and everything else.
func awaitRepaired(tb testing.TB, pool *pgxpool.Pool, js jetstream.JetStream) publisher.Report {
	tb.Helper()
	require.Eventually(tb, func() bool {
		left, err := publisher.Requeued(tb.Context(), pool, "EVENTS")
		return err == nil && left == 0
	}, patience, 5*time.Millisecond)
	awaitCaughtUp(tb, pool, js)
	return verified(tb, pool, js, publisher.VerifyConfig{})
}

// resentMessages returns the messages that are marked.
func resentMessages(tb testing.TB, js jetstream.JetStream) (marked []wire.Message) {
	tb.Helper()
	consumer, err := js.OrderedConsumer(tb.Context(), "EVENTS", jetstream.OrderedConsumerConfig{})
	require.NoError(tb, err)
	info, err := consumer.Info(tb.Context())
	require.NoError(tb, err)
	messages, err := consumer.Messages()
	require.NoError(tb, err)
	defer messages.Stop()
	for range info.NumPending {
		msg, err := messages.Next(jetstream.NextMaxWait(patience))
		require.NoError(tb, err)
		message, err := wire.DecodeMessage(msg.Headers(), msg.Data())
		require.NoError(tb, err)
		if message.Resent != "" {
			marked = append(marked, message)
		}
	}
	return marked
}

// What was deleted from the stream's middle is published again at its end, marked, by a relay that had nothing to do.
func TestRepairFillsHoles(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 50)
	damage(t, pool, js, oneOf(1, 7, 20, 21, 22, 49))
	start(t, newRelay(t, pool, js, publisher.Config{}))
	insertEvents(t, pool, 5)
	awaitCaughtUp(t, pool, js) // it leads, and has nothing to do

	report := repair(t, pool, js, publisher.VerifyConfig{})
	require.EqualValues(t, 6, report.Asked)
	require.Zero(t, report.Left)
	require.Equal(t, []contrail.Position{1, 7, 20, 21, 22, 49}, report.Missing)
	after := awaitRepaired(t, pool, js)
	require.True(t, after.OK, "%+v", after)
	require.EqualValues(t, 6, after.Resent)
	var positions []contrail.Position
	for _, message := range resentMessages(t, js) {
		require.Equal(t, wire.ResentRepair, message.Resent)
		require.EqualValues(t, 55, message.After)
		positions = append(positions, message.Position)
	}
	require.Equal(t, report.Missing, positions)
	require.Zero(t, repair(t, pool, js, publisher.VerifyConfig{}).Asked, "nothing is left to repair")
}

// What lies behind the stream's last event is not lost, but not relayed yet.
func TestRepairLeavesTheTailToTheRelay(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 10)
	damage(t, pool, js, oneOf(3))
	insertEvents(t, pool, 10)
	report := repair(t, pool, js, publisher.VerifyConfig{})
	require.EqualValues(t, 1, report.Asked)
	require.EqualValues(t, 10, report.Left)
	again := repair(t, pool, js, publisher.VerifyConfig{})
	require.Zero(t, again.Asked, "it is asked for already")
	require.EqualValues(t, 1, again.Requeued)

	start(t, newRelay(t, pool, js, publisher.Config{}))
	after := awaitRepaired(t, pool, js)
	require.True(t, after.OK, "%+v", after)
	require.EqualValues(t, 1, after.Resent)
}

// A repair asks for what nobody can account for, and for nothing else.
func TestRepairAsksOnlyForWhatIsMissing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		state    parked.State
		sequence uint64
		asked    int64
	}{
		"parked":              {parked.Parked, 0, 0},
		"held":                {parked.Held, 0, 0},
		"requeued":            {parked.Requeued, 0, 0},
		"discarded":           {parked.Discarded, 0, 0},
		"published meanwhile": {parked.Published, 6, 0},
		"published, and gone": {parked.Published, 5, 1},
		"gone from its order": {parked.Published, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			js, _ := natstest.JetStream(t)
			insertEvents(t, pool, 5)
			damage(t, pool, js, oneOf(2))
			leaveOut(t, pool, 2, test.state, test.sequence)
			require.Equal(t, test.asked, repair(t, pool, js, publisher.VerifyConfig{}).Asked)
			want := test.state
			if test.asked > 0 {
				want = parked.Requeued
			}
			var state, reason string
			var sequence *int64
			var requests int64
			require.NoError(t, pool.QueryRow(t.Context(), `SELECT state, reason, p.sequence, requests FROM contrail.parked p, contrail.relays`).
				Scan(&state, &reason, &sequence, &requests))
			require.EqualValues(t, want, state)
			require.Equal(t, test.asked, requests, "the leader is told")
			if test.asked > 0 {
				require.EqualValues(t, parked.ReasonMissing, reason, "consumers may have met it before")
				require.Nil(t, sequence)
			}
		})
	}
}

func TestRepairRefusesAForeignStream(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 5)
	damage(t, pool, js, oneOf(2))
	publishForeign(t, js)
	_, err := publisher.Repair(t.Context(), pool, js, publisher.VerifyConfig{})
	require.ErrorIs(t, err, publisher.ErrForeignWriter)
	require.ErrorContains(t, err, "repair: stream EVENTS has another writer: it holds 1 message that this store did not write: stop that writer")
	requireNothingAsked(t, pool)
	require.EqualValues(t, 1, repair(t, pool, js, publisher.VerifyConfig{Shared: true}).Asked)

	publishCopies(t, pool, js, copied{position: 5, change: func(e *contrail.Recorded) { e.Position = 100 }})
	_, err = publisher.Repair(t.Context(), pool, js, publisher.VerifyConfig{Shared: true})
	require.ErrorIs(t, err, publisher.ErrStreamAhead)
	require.ErrorContains(t, err, "is ahead of the store: the store does not have 1 event that the stream holds")
}

func requireNothingAsked(tb testing.TB, pool *pgxpool.Pool) {
	tb.Helper()
	var rows int
	require.NoError(tb, pool.QueryRow(tb.Context(), `SELECT count(*) FROM contrail.parked`).Scan(&rows))
	require.Zero(tb, rows)
}

// The broker loses its tail while a repair compares it: the relay may send again, in its order, what the repair has missed.
func TestRepairIsOvertaken(t *testing.T) {
	t.Parallel()
	for name, overtake := range map[string]string{
		"the tail was lost": `UPDATE contrail.relays SET lost = lost + 1`,
		"it was begun anew": `DELETE FROM contrail.relays`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			js, _ := natstest.JetStream(t)
			insertEvents(t, pool, 5)
			damage(t, pool, js, oneOf(2))
			_, err := publisher.Repair(t.Context(), pool, js, publisher.VerifyConfig{Progress: func(uint64, uint64) {
				_, err := pool.Exec(t.Context(), overtake)
				require.NoError(t, err)
			}})
			require.ErrorIs(t, err, publisher.ErrRepairOvertaken)
			requireNothingAsked(t, pool)
		})
	}
}

// Between the comparison and its requests somebody else has taken care of the event.
func TestRepairComesTooLate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		state    parked.State
		sequence uint64
		asked    int64
	}{
		"asked for":                {parked.Requeued, 0, 0},
		"asked for and published":  {parked.Published, 6, 0},
		"discarded":                {parked.Discarded, 0, 0},
		"published before, it saw": {parked.Published, 5, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			js, _ := natstest.JetStream(t)
			insertEvents(t, pool, 5)
			damage(t, pool, js, oneOf(2))
			report := repair(t, pool, js, publisher.VerifyConfig{Progress: func(done, total uint64) {
				if done == total {
					leaveOut(t, pool, 2, test.state, test.sequence)
				}
			}})
			require.Equal(t, []contrail.Position{2}, report.Missing)
			require.Equal(t, test.asked, report.Asked)
		})
	}
}

// Many repairs at once, while the relay publishes what the first of them have asked for and new events besides, ask for each event once.
func TestRepairsAtOnce(t *testing.T) {
	t.Parallel()
	const events = 600
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, events)
	damage(t, pool, js, func(position contrail.Position) bool { return position%3 == 0 && position < events })
	start(t, newRelay(t, pool, js, publisher.Config{BatchEvents: 7}))
	stop := keepAppending(t, pool)
	var asked atomic.Int64
	var repairs sync.WaitGroup
	for range 4 {
		repairs.Go(func() {
			for {
				report, err := publisher.Repair(t.Context(), pool, js, publisher.VerifyConfig{})
				if err != nil {
					t.Errorf("repair: %v", err)
					return
				}
				asked.Add(report.Asked)
				if report.Asked == 0 && report.Requeued == 0 {
					return
				}
			}
		})
	}
	repairs.Wait()
	stop()
	after := awaitRepaired(t, pool, js)
	require.True(t, after.OK, "%+v", after)
	require.EqualValues(t, events/3-1, asked.Load())
	require.EqualValues(t, events/3-1, after.Resent)
}

// Twenty thousand events in a few holes are asked for at once.
func TestRepairOfLongHoles(t *testing.T) {
	t.Parallel()
	const events, gone = 22_000, 20_000
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, events)
	createStream(t, js, func(*jetstream.StreamConfig) {})
	publishSome(t, pool, js, func(position contrail.Position) bool { return position > gone })
	require.EqualValues(t, gone, repair(t, pool, js, publisher.VerifyConfig{}).Asked)
	after := verified(t, pool, js, publisher.VerifyConfig{})
	require.EqualValues(t, gone, after.Requeued)
	require.Zero(t, after.MissingTotal)
}

// The relay is killed at each point of its loop while it publishes what a repair has asked for, and events are appended. A repaired message at the stream's
// end, with its old position, is not taken for the cursor by the relay that comes after.
func TestRelayKilledInMidRepair(t *testing.T) {
	t.Parallel()
	const events = 400
	for _, point := range []string{"before fetch", "after fetch", "in mid-batch", "after publish", "before cursor", "after cursor"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			js, server := natstest.JetStream(t)
			insertEvents(t, pool, events)
			damage(t, pool, js, func(position contrail.Position) bool { return position%4 == 1 })
			require.EqualValues(t, events/4, repair(t, pool, js, publisher.VerifyConfig{}).Asked)
			for after := range 3 {
				insertEvents(t, pool, 30)
				awaitKilled(t, startProcess(t, pool, server.URL(), point, after))
				require.Zero(t, repair(t, pool, js, publisher.VerifyConfig{}).DuplicatesTotal)
			}
			stop := start(t, newRelay(t, pool, js, publisher.Config{}))
			report := awaitRepaired(t, pool, js)
			require.NoError(t, stop())
			require.True(t, report.OK, "%+v", report)
			require.EqualValues(t, events/4, report.Resent)
		})
	}
}

// The broker loses what it had acknowledged behind a repaired event, which is the stream's last now: the relay goes on behind the event that
// this one says it stands after, not behind its own position.
func TestBrokerLosesItsTailBehindARepair(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 10)
	damage(t, pool, js, oneOf(3))
	require.EqualValues(t, 1, repair(t, pool, js, publisher.VerifyConfig{}).Asked)
	stop := start(t, newRelay(t, pool, js, publisher.Config{}))
	require.True(t, awaitRepaired(t, pool, js).OK)
	require.NoError(t, stop())

	insertEvents(t, pool, 5)
	_, err := pool.Exec(t.Context(), `UPDATE contrail.relays SET position = 15, sequence = 16`) // as if these had been published
	require.NoError(t, err)
	start(t, newRelay(t, pool, js, publisher.Config{}))
	after := awaitRepaired(t, pool, js)
	require.True(t, after.OK, "%+v", after)
	require.EqualValues(t, 15, after.Published)
}
