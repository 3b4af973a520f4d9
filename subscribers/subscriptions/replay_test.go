package subscriptions_test

import (
	"context"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

func (w *world) replay(replay subscriptions.Replay) subscriptions.ReplayDone {
	w.Helper()
	if replay.Rate == 0 {
		replay.Rate = -1
	}
	done, err := replay.Run(w.Context(), w.js, w.pool, w.name)
	require.NoError(w, err)
	return done
}

// The range takes effect again, in order, for this subscription alone.
func TestReplayReachesOneSubscription(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.subscribe(subscribers.Config{Concurrency: 1}))
	other := w.handle(subscribers.Config{Durable: "other"}, func(context.Context, pgx.Tx, contrail.Delivered[counted]) error { return nil })
	w.run(other)
	w.append("a-1", 6)
	w.settled(upTo(1, 6)...)
	w.eventually(func() bool { return other.Stats().Handled == 6 })
	var progress []contrail.Position
	done := w.replay(subscriptions.Replay{
		From: 2, To: 4, By: "ada@ops", Because: "the read model was lost",
		Progress: func(done subscriptions.ReplayDone) { progress = append(progress, done.Position) },
	})
	require.NotEmpty(t, done.ID)
	require.Equal(t, subscriptions.ReplayDone{ID: done.ID, Events: 3, Position: 4, From: 2, To: 4}, done)
	require.Equal(t, upTo(2, 4), progress)
	w.settled(append(upTo(1, 6), 2, 3, 4)...)
	require.Equal(t, int64(6), other.Stats().Delivered)

	stream, err := w.js.Stream(t.Context(), "DEADLETTERS")
	require.NoError(t, err)
	record, err := stream.GetLastMsgForSubject(t.Context(), "deadletters.requeue.test")
	require.NoError(t, err)
	letter, err := subscribers.ParseDeadLetter(record.Header, record.Data)
	require.NoError(t, err)
	require.Equal(t, subscribers.ReasonReplay, letter.Reason)
	require.Equal(t, uint64(4), letter.Sequence)
	require.Equal(t, "events.a.1.Counted", letter.Subject)
	require.Equal(t, done.ID+" 4", record.Header.Get(subscriptions.HeaderReplay))
	require.Equal(t, "ada@ops", record.Header.Get(subscriptions.HeaderReplayedBy))
	require.Equal(t, "the read model was lost", record.Header.Get(subscriptions.HeaderReplayedBecause))
}

// A run that is interrupted goes on under its id, and sends nothing twice; another run sends all again.
func TestReplayGoesOnUnderItsID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.subscribe(subscribers.Config{Concurrency: 1}))
	w.append("a-1", 9)
	w.late("a-1", 2, wire.ResentRepair)
	require.NoError(t, w.deleteSequence(2))
	w.settled(append(upTo(1, 9)[:1], append(upTo(3, 9), 2)...)...)
	first := w.effects()
	ctx, interrupt := context.WithCancel(t.Context())
	replay := subscriptions.Replay{Rate: 1000, ID: "run-1", Progress: func(done subscriptions.ReplayDone) {
		if done.Events == 4 {
			interrupt()
		}
	}}
	done, err := replay.Run(ctx, w.js, w.pool, w.name)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, subscriptions.ReplayDone{ID: "run-1", Events: 4, Position: 5, From: 1, To: 9}, done)
	done = w.replay(subscriptions.Replay{ID: "run-1"})
	require.Equal(t, subscriptions.ReplayDone{ID: "run-1", Events: 5, Before: 4, Position: 2, From: 1, To: 9}, done)
	done = w.replay(subscriptions.Replay{ID: "run-1"})
	require.Equal(t, subscriptions.ReplayDone{ID: "run-1", Before: 9, Position: 2, From: 1, To: 9}, done)
	w.requeuedAreSettled(18)
	require.Equal(t, append(append([]contrail.Position{}, first...), first...), w.effects())
	require.Equal(t, int64(9), w.replay(subscriptions.Replay{}).Events)
	w.requeuedAreSettled(27)
}

func (w *world) deleteSequence(sequence uint64) error {
	stream, err := w.js.Stream(w.Context(), "EVENTS")
	if err != nil {
		return err
	}
	return stream.DeleteMsg(w.Context(), sequence)
}

// The process dies when the first events are forgotten, and before they are sent.
func TestReplayThatDiesBetweenForgettingAndSending(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.subscribe(subscribers.Config{Concurrency: 1}))
	w.append("a-1", 3)
	w.settled(upTo(1, 3)...)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := subscriptions.Replay{ID: "run-1", Rate: -1}.Run(ctx, w.js, thenDying{w.pool, cancel}, w.name)
	require.ErrorIs(t, err, context.Canceled)
	var rows int
	require.NoError(t, w.pool.QueryRow(t.Context(), `SELECT count(*) FROM contrail.inbox`).Scan(&rows))
	require.Zero(t, rows)
	w.settled(upTo(1, 3)...)
	require.Equal(t, int64(3), w.replay(subscriptions.Replay{ID: "run-1"}).Events)
	w.settled(1, 2, 3, 1, 2, 3)
}

// thenDying commits, and dies.
type thenDying struct {
	subscriptions.Beginner

	die func()
}

type dyingTx struct {
	pgx.Tx

	die func()
}

func (d thenDying) Begin(ctx context.Context) (pgx.Tx, error) {
	tx, err := d.Beginner.Begin(ctx)
	return dyingTx{tx, d.die}, err
}

func (d dyingTx) Commit(ctx context.Context) error {
	err := d.Tx.Commit(ctx)
	d.die()
	return err
}

// Holes, foreign messages, events that stand out of their order, or in it and out of it, and those that the subscription does not consume.
func TestReplaySendsEachEventOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.subscribe(subscribers.Config{Concurrency: 1, Filter: []string{"events.a.>", "events.b.>"}}))
	w.append("a-1", 2)                   // 1, 2
	w.publish(nats.NewMsg("orders.1"))   // not consumed
	w.publish(nats.NewMsg("events.b.x")) // foreign
	w.append("c-1", 1)                   // 3, not consumed
	w.position++                         // 4 is left out
	w.append("b-1", 2)                   // 5, 6
	w.late("a-1", 4, wire.ResentRequeue) // 4
	w.late("b-1", 6, wire.ResentRepair)  // 6 stands in its order as well
	w.late("a-1", 4, wire.ResentRepair)  // 4 once more
	w.append("a-1", 2)                   // 7, 8
	require.NoError(t, w.deleteSequence(1))
	w.await(func(got subscriptions.Subscription) bool { return got.Lag == 0 && got.Delivered.Position == 8 })
	for _, c := range []struct {
		replay subscriptions.Replay
		sent   []contrail.Position
	}{
		{subscriptions.Replay{}, []contrail.Position{2, 5, 6, 7, 8, 4}},
		{subscriptions.Replay{From: 3, To: 5}, []contrail.Position{5, 4}},
		{subscriptions.Replay{Category: "b", Types: []string{"Counted"}}, []contrail.Position{5, 6}},
		{subscriptions.Replay{Stream: contrail.NewStreamID("a", "1")}, []contrail.Position{2, 7, 8, 4}},
	} {
		before := len(w.effects())
		var sent []contrail.Position
		c.replay.Progress = func(done subscriptions.ReplayDone) { sent = append(sent, done.Position) }
		require.Equal(t, int64(len(c.sent)), w.replay(c.replay).Events)
		require.Equal(t, c.sent, sent)
		w.requeuedAreSettled(before + len(c.sent))
		require.ElementsMatch(t, c.sent, w.effects()[before:]) // streams don't wait for each other
	}
	require.Zero(t, w.replay(subscriptions.Replay{Types: []string{"Other"}}).Events)
	require.Zero(t, w.replay(subscriptions.Replay{From: 100}).Events)
}

func TestReplayOfWhatHasAgedOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.subscribe(subscribers.Config{Concurrency: 1, Filter: []string{"events.a.>"}}))
	w.append("a-1", 3)
	w.append("b-1", 1)
	w.append("a-1", 2)
	w.late("a-1", 2, wire.ResentRepair)
	w.await(func(got subscriptions.Subscription) bool { return got.Lag == 0 && got.Delivered.Sequence == 7 })
	require.Equal(t, []contrail.Position{1, 2, 3, 5, 6}, w.effects())
	stream, err := w.js.Stream(t.Context(), "EVENTS")
	require.NoError(t, err)
	require.NoError(t, stream.Purge(t.Context(), jetstream.WithPurgeSequence(6)))
	_, err = subscriptions.Replay{From: 2}.Run(t.Context(), w.js, w.pool, w.name)
	require.ErrorIs(t, err, subscriptions.ErrAgedOut)
	require.ErrorContains(t, err, "it begins with position 6, and position 2 is asked for; begin there, or give the archive")
	require.Equal(t, subscriptions.ReplayDone{ID: "r", Events: 1, Position: 6, From: 6, To: 6}, w.replay(subscriptions.Replay{ID: "r"}))
	w.requeuedAreSettled(6)

	archive := &subscriptions.Archive{Source: source, Read: w.archive}
	done := w.replay(subscriptions.Replay{ID: "s", From: 2, Archive: archive})
	require.Equal(t, subscriptions.ReplayDone{ID: "s", Events: 4, Position: 6, From: 2, To: 6}, done)
	require.Equal(t, int64(4), w.replay(subscriptions.Replay{ID: "s", From: 2, Archive: archive}).Before)
	w.requeuedAreSettled(10)
	require.Equal(t, []contrail.Position{1, 2, 3, 5, 6, 6, 2, 3, 5, 6}, w.effects())

	require.NoError(t, stream.Purge(t.Context()))
	require.Equal(t, int64(2), w.replay(subscriptions.Replay{From: 1, To: 2, Archive: archive}).Events)
	w.requeuedAreSettled(12)
	require.Equal(t, []contrail.Position{1, 2}, w.effects()[10:])
	archive.Read = func(context.Context, contrail.Position, contrail.Position) iter.Seq2[contrail.Recorded, error] {
		return func(yield func(contrail.Recorded, error) bool) { yield(contrail.Recorded{}, errLost) }
	}
	_, err = subscriptions.Replay{From: 1, To: 2, Archive: archive}.Run(t.Context(), w.js, w.pool, w.name)
	require.ErrorIs(t, err, errLost)
}

// archive has events 1 to 6, of which 4 is another category's.
func (w *world) archive(_ context.Context, from, to contrail.Position) iter.Seq2[contrail.Recorded, error] {
	return func(yield func(contrail.Recorded, error) bool) {
		for position := from; position <= to; position++ {
			stream := contrail.NewStreamID("a", "1")
			if position == 4 {
				stream = contrail.NewStreamID("b", "1")
			}
			event := contrail.Recorded{
				Position: position, ID: uuid.New(), Stream: stream, Version: int64(position), Type: "Counted", Data: []byte(`{"n":1}`), RecordedAt: time.Unix(1, 0),
			}
			if !yield(event, nil) {
				return
			}
		}
	}
}

// What a handler fails becomes a dead letter, which tells that it was a replay's.
func TestReplayThatFailsBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	again := false
	w.run(w.handle(subscribers.Config{Concurrency: 1}, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[counted]) error {
		if again {
			return contrail.Permanent(errLost)
		}
		_, err := tx.Exec(ctx, `INSERT INTO effects (position) VALUES ($1)`, e.Position)
		return err
	}))
	w.append("a-1", 1)
	w.settled(1)
	again = true
	w.replay(subscriptions.Replay{ID: "run-1"})
	w.await(func(got subscriptions.Subscription) bool { return got.DeadLetters == 1 && got.Requeued == 0 })
	stream, err := w.js.Stream(t.Context(), "DEADLETTERS")
	require.NoError(t, err)
	msg, err := stream.GetLastMsgForSubject(t.Context(), "deadletters.events.test.a.Counted")
	require.NoError(t, err)
	letter, err := subscribers.ParseDeadLetter(msg.Header, msg.Data)
	require.NoError(t, err)
	require.Equal(t, subscribers.ReasonPermanent, letter.Reason)
	require.True(t, strings.HasSuffix(letter.MsgID, "/replay/run-1"), letter.MsgID)
}

func TestReplayKeepsItsRate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.subscribe(subscribers.Config{}))
	w.append("a-1", 11)
	w.settled(upTo(1, 11)...)
	began := time.Now()
	w.replay(subscriptions.Replay{Rate: 20})
	require.GreaterOrEqual(t, time.Since(began), 500*time.Millisecond)
}

func TestReplayNamesEveryFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := subscriptions.Replay{
		From: -1, To: -2, Category: "a.b", Types: []string{"1"}, ID: "a b", By: "a\nb", Because: "\x00", Archive: &subscriptions.Archive{Prefix: "*"},
	}.Run(t.Context(), w.js, nil, w.name)
	for _, field := range []string{"From is", "To is", "Category is", "Types has", "ID is", "By is", "Because is", "Read is nil", "Source is empty", "subject prefix"} {
		require.ErrorContains(t, err, field)
	}
	_, err = subscriptions.Replay{From: 3, To: 2}.Run(t.Context(), w.js, nil, w.name)
	require.ErrorContains(t, err, "To is 2, must not be below From, which is 3")
	_, err = subscriptions.Replay{}.Run(t.Context(), w.js, nil, w.name)
	require.ErrorIs(t, err, subscriptions.ErrNotFound)
	w.append("a-1", 1)
	_, err = w.js.CreateConsumer(t.Context(), "EVENTS", jetstream.ConsumerConfig{Durable: "test", AckPolicy: jetstream.AckExplicitPolicy})
	require.NoError(t, err)
	_, err = subscriptions.Replay{}.Run(t.Context(), w.js, nil, w.name)
	require.ErrorContains(t, err, "stream DEADLETTERS, which brings the events, does not exist; the subscription creates it when it runs")
	require.NotErrorIs(t, err, subscriptions.ErrNotFound)
}
