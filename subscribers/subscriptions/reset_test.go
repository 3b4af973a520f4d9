package subscriptions_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

func (w *world) reset(to subscriptions.ResetTo) subscriptions.ResetDone {
	w.Helper()
	done, err := subscriptions.Reset(w.Context(), w.js, w.pool, w.name, to)
	require.NoError(w, err)
	require.Nil(w, w.get().PausedUntil)
	return done
}

func TestResetPassesOverWhatTookEffect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.subscribe(subscribers.Config{})
	w.run(sub)
	w.append("a-1", 5)
	w.settled(upTo(1, 5)...)
	require.Equal(t, subscriptions.ResetDone{Sequence: 1, Position: 1}, w.reset(subscriptions.ResetTo{}))
	w.append("a-1", 1)
	w.settled(upTo(1, 6)...)
	require.Equal(t, int64(11), sub.Stats().Delivered)
	require.Equal(t, int64(5), sub.Stats().Duplicates)
}

func TestResetForgets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		start subscribers.Start
		done  subscriptions.ResetDone
		again []contrail.Position
	}{
		"beginning": {subscribers.Start{}, subscriptions.ResetDone{Sequence: 1, Position: 1, Forgot: true}, upTo(1, 6)},
		"position":  {subscribers.FromPosition(4), subscriptions.ResetDone{Sequence: 4, Position: 4, Forgot: true}, upTo(4, 6)},
		"new":       {subscribers.FromNew(), subscriptions.ResetDone{Sequence: 7}, nil},
		"time":      {subscribers.FromTime(time.Unix(0, 0)), subscriptions.ResetDone{Sequence: 1, Position: 1, Forgot: true}, upTo(1, 6)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			stop := w.run(w.subscribe(subscribers.Config{}))
			w.append("a-1", 6)
			w.settled(upTo(1, 6)...)
			w.exec(`SELECT contrail.inbox_fold('test', now() + interval '1 hour')`)
			w.exec(`INSERT INTO contrail.inbox (consumer, position) VALUES ('other', 5), ('test', 6) ON CONFLICT DO NOTHING`)
			stop()
			require.Equal(t, c.done, w.reset(subscriptions.ResetTo{Start: c.start, Forget: true}))
			var others int
			require.NoError(t, w.pool.QueryRow(t.Context(), `SELECT count(*) FROM contrail.inbox WHERE consumer = 'other'`).Scan(&others))
			require.Equal(t, 1, others)
			w.run(w.subscribe(subscribers.Config{}))
			w.append("a-1", 1)
			w.settled(append(append(upTo(1, 6), c.again...), 7)...)
		})
	}
}

// The processes go on, and what they have in hand, waiting for a retry that is far away or behind one, is neither lost nor takes effect more than
// once behind the reset.
func TestResetWhileEventsAreInHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var tries atomic.Int32
	w.run(w.handle(subscribers.Config{}, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[counted]) error {
		if e.Position == 3 && tries.Add(1) == 1 {
			return contrail.RetryAfter(time.Hour, errLost)
		}
		_, err := tx.Exec(ctx, `INSERT INTO effects (position) VALUES ($1)`, e.Position)
		return err
	}))
	w.append("a-1", 2)
	w.settled(1, 2)
	w.append("a-1", 3)
	w.await(func(got subscriptions.Subscription) bool { return tries.Load() == 1 && got.InHand == 3 })
	done := w.reset(subscriptions.ResetTo{Forget: true, Settle: -1})
	require.Equal(t, 3, done.InHand)
	w.await(func(got subscriptions.Subscription) bool { return got.Delivered.Sequence == 5 && got.Lag == 0 })
	require.Equal(t, []contrail.Position{1, 2}, w.effects()[:2])
	require.ElementsMatch(t, []contrail.Position{1, 2, 1, 2, 3, 4, 5}, w.effects())
}

func TestResetWaitsForWhatIsInHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begun, finish := make(chan struct{}, 99), make(chan struct{})
	w.run(w.handle(subscribers.Config{}, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[counted]) error {
		begun <- struct{}{}
		<-finish
		_, err := tx.Exec(ctx, `INSERT INTO effects (position) VALUES ($1)`, e.Position)
		return err
	}))
	w.append("a-1", 1)
	<-begun
	ended := make(chan subscriptions.ResetDone, 1)
	go func() {
		done, err := subscriptions.Reset(context.WithoutCancel(t.Context()), w.js, w.pool, w.name, subscriptions.ResetTo{Forget: true, Settle: patience})
		if err == nil {
			ended <- done
		}
	}()
	w.await(func(got subscriptions.Subscription) bool { return got.PausedUntil != nil })
	close(finish)
	require.Equal(t, subscriptions.ResetDone{Sequence: 1, Position: 1, Forgot: true}, <-ended)
	w.settled(1, 1)
}

// A consumer that began late in the stream is made anew, while its process runs.
func TestResetBeforeWhereTheConsumerBegan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append("a-1", 5)
	w.run(w.subscribe(subscribers.Config{Start: subscribers.FromPosition(4)}))
	w.settled(4, 5)
	require.NoError(t, subscriptions.Pause(t.Context(), w.js, w.name, time.Now().Add(time.Hour)))
	until := w.get().PausedUntil
	_, err := subscriptions.Reset(t.Context(), w.js, w.pool, w.name, subscriptions.ResetTo{Start: subscribers.FromPosition(3), Forget: true})
	require.NoError(t, err)
	require.WithinDuration(t, *until, *w.get().PausedUntil, time.Second) // as it was
	require.Equal(t, []contrail.Position{4, 5}, w.effects())
	require.NoError(t, subscriptions.Resume(t.Context(), w.js, w.name))
	w.settled(4, 5, 3, 4, 5)
	w.reset(subscriptions.ResetTo{})
	w.append("a-1", 1)
	w.settled(4, 5, 3, 4, 5, 1, 2, 6)
}

func TestResetThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.subscribe(subscribers.Config{}))
	w.append("a-1", 3)
	w.settled(upTo(1, 3)...)
	before := w.get()
	for _, c := range []struct {
		to   subscriptions.ResetTo
		db   subscriptions.Beginner
		says string
	}{
		{subscriptions.ResetTo{Start: subscribers.FromPosition(9)}, w.pool, "position 9"},
		{subscriptions.ResetTo{Start: subscribers.FromTime(time.Now().Add(time.Hour))}, w.pool, "has not come so far"},
		{subscriptions.ResetTo{Forget: true}, nil, "db is nil"},
		{subscriptions.ResetTo{Forget: true}, refusing{}, "no connection"},
	} {
		_, err := subscriptions.Reset(t.Context(), w.js, c.db, w.name, c.to)
		require.ErrorContains(t, err, c.says)
		after := w.get()
		require.Equal(t, before.AckFloor, after.AckFloor)
		require.Nil(t, after.PausedUntil)
	}
	_, err := subscriptions.Reset(t.Context(), w.js, w.pool, subscriptions.Name{Durable: "nobody"}, subscriptions.ResetTo{})
	require.ErrorIs(t, err, subscriptions.ErrNotFound)
	_, err = subscriptions.Reset(t.Context(), w.js, w.pool, w.name, subscriptions.ResetTo{Start: subscribers.FromPosition(9)})
	require.ErrorIs(t, err, subscribers.ErrNotYet)
}

// The commit is lost behind the reset of the consumer: what has taken effect is passed over, and once more is enough.
func TestResetWhoseCommitIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.subscribe(subscribers.Config{}))
	w.append("a-1", 3)
	w.settled(upTo(1, 3)...)
	to := subscriptions.ResetTo{Forget: true}
	done, err := subscriptions.Reset(t.Context(), w.js, losing{w.pool}, w.name, to)
	require.ErrorIs(t, err, errLost)
	require.ErrorContains(t, err, "it is reset, but what has taken effect is passed over; reset it again")
	require.False(t, done.Forgot)
	w.settled(upTo(1, 3)...)
	w.reset(to)
	w.append("a-1", 1)
	w.settled(1, 2, 3, 1, 2, 3, 4)
}

// Whoever resets a consumer dies when he has paused it: somebody else resets it.
func TestResetAfterOneThatWasInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.subscribe(subscribers.Config{}))
	w.append("a-1", 3)
	w.settled(upTo(1, 3)...)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := subscriptions.Reset(ctx, w.js, beginning(cancel), w.name, subscriptions.ResetTo{Forget: true})
	require.ErrorIs(t, err, context.Canceled)
	require.Nil(t, w.get().PausedUntil)
	require.Equal(t, uint64(3), w.get().AckFloor.Sequence)
	w.reset(subscriptions.ResetTo{Forget: true})
	w.append("a-1", 1)
	w.settled(1, 2, 3, 1, 2, 3, 4)
}

func TestResetTakesANewServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append("a-1", 1)
	_, err := w.js.CreateConsumer(t.Context(), "EVENTS", jetstream.ConsumerConfig{Durable: "test", AckPolicy: jetstream.AckExplicitPolicy})
	require.NoError(t, err)
	_, err = subscriptions.Reset(t.Context(), older{w.js}, w.pool, w.name, subscriptions.ResetTo{})
	require.ErrorContains(t, err, "reset subscription test (its consumer on stream EVENTS): ")
	require.ErrorContains(t, err, "the broker does not answer; does every server run nats-server 2.14 or later?")
}

// older answers as a server does that knows no resets: nobody listens.
type older struct{ jetstream.JetStream }

func (o older) ResetConsumerToSequence(ctx context.Context, stream, _ string, sequence uint64) (*jetstream.ConsumerResetResponse, error) {
	return o.JetStream.ResetConsumerToSequence(ctx, stream, "nobody", sequence)
}

var errLost = errors.New("the connection is lost")

// losing loses each commit.
type losing struct{ subscriptions.Beginner }

type losingTx struct{ pgx.Tx }

func (l losing) Begin(ctx context.Context) (pgx.Tx, error) {
	tx, err := l.Beginner.Begin(ctx)
	return losingTx{tx}, err
}

func (l losingTx) Commit(ctx context.Context) error { return errors.Join(errLost, l.Rollback(ctx)) }

// refusing has no connection.
type refusing struct{}

func (refusing) Begin(context.Context) (pgx.Tx, error) { return nil, errors.New("no connection") }

// beginning is interrupted as it begins.
type beginning func()

func (b beginning) Begin(ctx context.Context) (pgx.Tx, error) {
	b()
	return nil, ctx.Err()
}
