package publisher_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/parked"
)

// model is a store and a stream to which anything may happen, in any order. Its law: no relay stops by itself, and in the end the stream has each
// event once that nobody has discarded, in its order or marked.
type model struct {
	pool   *pgxpool.Pool
	js     jetstream.JetStream
	broker keptBroker
	random *rand.Rand
	kind   modelKind

	relays  []*modelRelay
	putBack func() // what the broker had some time ago; nil when there is no backup
	log     []string
}

// modelKind is what a model allows.
type modelKind struct {
	fence     publisher.Fence
	believers bool // every relay believes that it leads
	modes     []publisher.OnPermanent
	disorder  bool // persons repair, discard and withdraw: a stream's own order is no longer promised
}

// Whatever happens, the law of the model holds. CONTRAIL_LONG=1 plays for longer, CONTRAIL_MODEL_SEED chooses what happens.
func TestModel(t *testing.T) {
	t.Parallel()
	both := []publisher.OnPermanent{publisher.Park, publisher.PerStream}
	rounds, steps := 1, 40
	if os.Getenv("CONTRAIL_LONG") != "" {
		rounds, steps = 6, 120
	}
	for name, kind := range map[string]modelKind{
		"one leads":             {modes: both, disorder: true},
		"streams are held":      {modes: both[1:]},
		"all believe they lead": {modes: both, believers: true, disorder: true},
		"message ids":           {modes: both[:1], fence: publisher.MsgID, disorder: true},
	} {
		for round := range rounds {
			t.Run(name+"/"+strconv.Itoa(round), func(t *testing.T) {
				t.Parallel()
				seed, err := strconv.ParseUint(os.Getenv("CONTRAIL_MODEL_SEED"), 10, 64)
				if err != nil {
					seed = rand.Uint64()
				}
				playModel(t, kind, seed, steps)
			})
		}
	}
}

func playModel(t *testing.T, kind modelKind, seed uint64, steps int) {
	t.Helper()
	m := &model{pool: pgtest.New(t), random: rand.New(rand.NewPCG(seed, 1)), kind: kind}
	m.js, m.broker = startKeptBroker(t)
	createForgetful(t, m.js, 1)
	if kind.fence == publisher.MsgID {
		edit(t, m.js, func(cfg *jetstream.StreamConfig) { cfg.Duplicates = publisher.DefaultDuplicates })
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("CONTRAIL_MODEL_SEED=%d: %v", seed, m.log)
		}
	})
	m.append(t)
	m.startRelay(t)
	for range steps {
		one := m.choose()
		m.log = append(m.log, one.name)
		one.happens(m, t)
		if m.random.IntN(2) == 0 {
			pause(t.Context(), time.Duration(1+m.random.IntN(60))*time.Millisecond)
		}
		m.requireAlive(t)
	}
	m.finish(t)
}

// step is what may happen, as often as its weight says.
type step struct {
	name    string
	weight  int
	allowed func(modelKind) bool // nil: always
	happens func(*model, testing.TB)
}

func leads(kind modelKind) bool     { return !kind.believers }
func owns(kind modelKind) bool      { return !kind.believers && kind.fence == publisher.LastSequence }
func disorders(kind modelKind) bool { return kind.disorder }

func modelSteps() []step {
	return []step{
		{"append", 8, nil, (*model).append},
		{"too big", 4, nil, (*model).appendBig},
		{"narrow", 2, nil, (*model).narrow},
		{"widen", 2, nil, (*model).widen},
		{"requeue", 4, nil, (*model).requeue},
		{"withdraw", 1, disorders, (*model).withdraw},
		{"discard", 1, disorders, (*model).discard},
		{"requeue what was discarded", 1, disorders, (*model).requeueDiscarded},
		{"repair", 2, disorders, (*model).repair},
		{"end sessions", 2, nil, (*model).endSessions},
		{"restart broker", 2, nil, (*model).restartBroker},
		{"back up", 2, nil, (*model).backUp},
		{"lose the tail", 3, leads, (*model).loseTail},
		{"lose the cursor", 1, leads, (*model).loseCursor},
		{"lose messages", 1, func(kind modelKind) bool { return owns(kind) && kind.disorder }, (*model).loseSome},
		{"another relay", 5, nil, (*model).startRelay},
		{"a relay ends", 3, nil, (*model).endRelay},
		{"a relay pauses", 1, nil, (*model).pauseSome},
		{"relays go on", 2, nil, (*model).resumeSome},
		{"the stream pauses", 1, nil, (*model).pauseStream},
		{"the stream goes on", 2, nil, (*model).resumeStream},
		{"drain", 1, leads, (*model).drainShortly},
		{"rebuild", 1, owns, (*model).rebuild},
	}
}

const (
	pauseStreamSQL  = `UPDATE contrail.relays SET paused_at = now()`
	resumeStreamSQL = `UPDATE contrail.relays SET paused_at = NULL`
)

func (m *model) choose() step {
	steps := slices.DeleteFunc(modelSteps(), func(one step) bool { return one.allowed != nil && !one.allowed(m.kind) })
	total := 0
	for _, one := range steps {
		total += one.weight
	}
	at := m.random.IntN(total)
	for _, one := range steps {
		if at -= one.weight; at < 0 {
			return one
		}
	}
	panic("unreachable")
}

func (m *model) exec(tb testing.TB, sql string) {
	tb.Helper()
	_, err := m.pool.Exec(tb.Context(), sql)
	require.NoError(tb, err)
}

func (m *model) append(tb testing.TB) {
	tb.Helper()
	for range 1 + m.random.IntN(40) {
		insertSmall(tb, m.pool, m.stream())
	}
}

func (m *model) appendBig(tb testing.TB) {
	tb.Helper()
	insertBig(tb, m.pool, m.stream())
	m.append(tb)
}

func (m *model) stream() string { return "model-" + strconv.Itoa(m.random.IntN(5)) }

func (m *model) narrow(tb testing.TB)       { tb.Helper(); m.limit(tb, 64<<10) }
func (m *model) widen(tb testing.TB)        { tb.Helper(); m.limit(tb, -1) }
func (m *model) pauseStream(tb testing.TB)  { tb.Helper(); m.exec(tb, pauseStreamSQL) }
func (m *model) resumeStream(tb testing.TB) { tb.Helper(); m.exec(tb, resumeStreamSQL) }

// limit bounds a message. Relays that all write to the database, though one of them alone may, must not differ on what the broker takes.
func (m *model) limit(tb testing.TB, size int32) {
	tb.Helper()
	if m.kind.believers {
		m.endAll(tb)
	}
	edit(tb, m.js, func(cfg *jetstream.StreamConfig) { cfg.MaxMsgSize = size })
}

func (m *model) decide(tb testing.TB, decide func(context.Context, parked.Beginner, parked.Selection, parked.Decision) ([]parked.Outcome, error)) {
	tb.Helper()
	_, err := decide(tb.Context(), m.pool, parked.Matching(parked.Filter{Relay: "EVENTS", Limit: m.random.Int64N(3)}), parked.Decision{By: "model", Note: "so"})
	require.NoError(tb, err)
}

func (m *model) requeue(tb testing.TB)  { tb.Helper(); m.decide(tb, parked.Requeue) }
func (m *model) withdraw(tb testing.TB) { tb.Helper(); m.decide(tb, parked.Withdraw) }
func (m *model) discard(tb testing.TB)  { tb.Helper(); m.decide(tb, parked.Discard) }

func (m *model) requeueDiscarded(tb testing.TB) {
	tb.Helper()
	_, err := parked.Requeue(tb.Context(), m.pool, parked.Matching(parked.Filter{Relay: "EVENTS", States: []parked.State{parked.Discarded}}),
		parked.Decision{By: "model"})
	require.NoError(tb, err)
}

func (m *model) repair(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	report, err := publisher.Repair(ctx, m.pool, m.js, publisher.VerifyConfig{Shared: m.kind.fence == publisher.MsgID})
	if !errors.Is(err, publisher.ErrRepairOvertaken) {
		require.NoError(tb, err)
		require.Empty(tb, report.Duplicates)
	}
}

func (m *model) endSessions(tb testing.TB) { tb.Helper(); m.exec(tb, endSessionsSQL) }

func (m *model) restartBroker(tb testing.TB) {
	tb.Helper()
	m.restarting(tb, func() {
		require.NoError(tb, m.broker.Stop())
		require.NoError(tb, m.broker.Restart())
	})
}

// restarting does what restarts the broker, and returns when the model is connected again.
func (m *model) restarting(tb testing.TB, restart func()) {
	tb.Helper()
	before := m.js.Conn().Stats().Reconnects
	restart()
	require.Eventually(tb, func() bool { return m.js.Conn().Stats().Reconnects > before }, patience, 5*time.Millisecond)
}

func (m *model) backUp(tb testing.TB) {
	tb.Helper()
	stream, err := m.js.Stream(tb.Context(), "EVENTS")
	require.NoError(tb, err)
	if stream.CachedInfo().State.Msgs > 0 { // an empty stream in place of another stops a relay, as it should
		m.restarting(tb, func() { m.putBack = m.broker.backUp(tb) })
	}
}

// loseTail puts back what the broker had some time ago.
func (m *model) loseTail(tb testing.TB) {
	tb.Helper()
	if m.putBack == nil {
		return
	}
	m.restarting(tb, m.putBack)
	m.putBack = nil
}

func (m *model) loseCursor(tb testing.TB) {
	tb.Helper()
	m.endAll(tb)
	m.putBack = nil // without a cursor, a lost tail is nobody's knowledge
	m.exec(tb, `DELETE FROM contrail.relays`)
}

// loseSome deletes messages from the stream's middle, behind the relays' backs, and has them repaired.
func (m *model) loseSome(tb testing.TB) {
	tb.Helper()
	m.endAll(tb)
	m.putBack = nil
	loseInPlace(tb, m.js, func(uint64) bool { return m.random.IntN(10) == 0 })
	m.repair(tb)
}

// loseInPlace makes the stream anew, each message at the sequence that it had, without some of them; the last one stays.
func loseInPlace(tb testing.TB, js jetstream.JetStream, lost func(sequence uint64) bool) {
	tb.Helper()
	ctx := tb.Context()
	stream, err := js.Stream(ctx, "EVENTS")
	require.NoError(tb, err)
	cfg, last := stream.CachedInfo().Config, stream.CachedInfo().State.LastSeq
	kept := make([]*jetstream.RawStreamMsg, last+1)
	for sequence := uint64(1); sequence <= last; sequence++ {
		msg, err := stream.GetMsg(ctx, sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && sequence < last && lost(sequence) {
			continue
		}
		require.NoError(tb, err)
		kept[sequence] = msg
	}
	require.NoError(tb, js.DeleteStream(ctx, "EVENTS"))
	open := cfg
	open.DenyDelete, open.MaxMsgSize = false, -1
	require.Eventually(tb, func() bool { // the server may still be clearing away
		stream, err = js.CreateStream(ctx, open)
		return err == nil
	}, patience, 10*time.Millisecond)
	for sequence := uint64(1); sequence <= last; sequence++ {
		if msg := kept[sequence]; msg != nil {
			msg.Header.Del("Nats-Expected-Last-Sequence")
			_, err = js.PublishMsg(ctx, &nats.Msg{Subject: msg.Subject, Header: msg.Header, Data: msg.Data})
			require.NoError(tb, err)
			continue
		}
		_, err = js.Publish(ctx, "events.gone", nil)
		require.NoError(tb, err)
		require.NoError(tb, stream.DeleteMsg(ctx, sequence))
	}
	_, err = js.UpdateStream(ctx, cfg)
	require.NoError(tb, err)
}

func (m *model) drainShortly(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 200*time.Millisecond)
	defer cancel()
	_, _ = newRelay(tb, m.pool, m.js, m.config()).Drain(ctx, nil) // it may end before it has begun
}

// rebuild goes on where the stream ends.
func (m *model) rebuild(tb testing.TB) {
	tb.Helper()
	m.endAll(tb)
	m.exec(tb, resumeStreamSQL)
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	_, err := newRelay(tb, m.pool, m.js, m.config()).Rebuild(ctx, nil)
	for errors.Is(err, publisher.ErrLed) && ctx.Err() == nil { // the server has not noticed yet that a session is over
		_, err = newRelay(tb, m.pool, m.js, m.config()).Rebuild(ctx, nil)
	}
	require.NoError(tb, err)
}

// finish lets everything be published, and judges.
func (m *model) finish(t *testing.T) {
	t.Helper()
	m.endAll(t)
	m.limit(t, -1)
	m.exec(t, resumeStreamSQL)
	m.decide(t, func(ctx context.Context, db parked.Beginner, _ parked.Selection, by parked.Decision) ([]parked.Outcome, error) {
		return parked.Requeue(ctx, db, parked.Matching(parked.Filter{Relay: "EVENTS"}), by)
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	drained, err := newRelay(t, m.pool, m.js, publisher.Config{Fence: m.kind.fence, RetryMin: time.Millisecond}).Drain(ctx, nil)
	require.NoError(t, err)
	require.True(t, drained.OK, "%+v", drained)
	report, err := publisher.Verify(t.Context(), m.pool, m.js, publisher.VerifyConfig{Shared: m.kind.fence == publisher.MsgID})
	require.NoError(t, err)
	require.True(t, report.OK, "%+v", report)
	require.Equal(t, report.Events, report.Published+report.Discarded, "%+v", report)
	m.requireLaw(t)
}

// requireLaw reads the stream by itself: what is not marked is in the store's order, and nothing is there twice.
func (m *model) requireLaw(t *testing.T) {
	t.Helper()
	messages := readMessages(t, m.js)
	seen := map[contrail.Position]bool{}
	last := contrail.Position(0)
	for _, one := range messages {
		require.False(t, seen[one.Position], "position %d is there twice", one.Position)
		seen[one.Position] = true
		if one.Resent != "" {
			continue
		}
		require.Greater(t, one.Position, last)
		last = one.Position
	}
	if !m.kind.disorder {
		requireStreamsInOrder(t, messages)
	}
}
