package subscribers_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
)

// A handler that tries to commit the transaction that it shares must not make the inbox know events whose handlers were not called.
func TestHandlerThatCommitsASharedTransaction(t *testing.T) {
	t.Parallel()
	for _, form := range []string{formTx, formSQL} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			w.publishMany(t, spoilCount, 10)
			sub := w.subscribe(t, subscribers.Config{Inbox: inboxOf(t, pool, form), MaxDeliver: 3, Concurrency: 1})
			if form == formTx {
				subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[drafted]) error {
					if e.Data.N == 7 {
						return tx.Commit(ctx)
					}
					return takeEffect(ctx, tx, e)
				})
			} else {
				subscribers.HandleSQL(sub, func(ctx context.Context, tx *sql.Tx, e contrail.Delivered[drafted]) error {
					if e.Data.N == 7 {
						return tx.Commit()
					}
					return takeEffectSQL(ctx, tx, e)
				})
			}
			run(t, sub)
			w.settled(t)
			events, times := effects(t, pool)
			require.Equal(t, [2]int{spoilCount - 1, spoilCount - 1}, [2]int{events, times}, "an event was lost")
		})
	}
}

// An event of a former type is given up by a handler in a transaction, beside a catch-all without one: the inbox knows of it.
func TestDeadLetterOfAFormerTypeIsInTheInbox(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	same := func(d drafted) (drafted, error) { return d, nil }
	today := codec.MustNew(codec.Type[drafted](), codec.Upcast("Old", 1, codec.Split(codec.Into("InvoiceDrafted", 1, same))))
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool), Codec: today})
	subscribers.HandleAny(sub, func(context.Context, contrail.Delivered[json.RawMessage]) error { return nil })
	subscribers.HandleTx(sub, func(context.Context, pgx.Tx, contrail.Delivered[drafted]) error { return contrail.Permanent(errBroken) })
	event := w.event("invoice-1", drafted{})
	event.Type = "Old"
	w.send(t, event)
	run(t, sub)
	w.settled(t)
	require.Len(t, w.deadLetters(t), 1)
	var dead int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM contrail.inbox WHERE dead IS NOT NULL`).Scan(&dead))
	require.Equal(t, 1, dead)
}

// A process is frozen before its transaction with an event that was requeued, which another one fails with, so that it is a dead letter again. The one that
// wakes up finds that row: there is no effect beside the dead letter.
func TestFrozenWhileARequeuedEventBecomesADeadLetterAgain(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	w.publish(t, "invoice-1", drafted{})
	config := subscribers.Config{Inbox: subscribers.NewInbox(pool), AckWait: shortWait}
	second := w.subscribe(t, config)
	subscribers.HandleTx(second, func(context.Context, pgx.Tx, contrail.Delivered[drafted]) error { return contrail.Permanent(errBroken) })
	stop := run(t, second)
	letter := w.awaitLetters(t, 1)[0]
	w.settled(t)
	stop()

	cut, begin := &gate{}, newStopAtBegin(pool)
	config.Inbox = subscribers.NewInbox(begin)
	first := w.as(cut.through(t, w)).subscribe(t, config)
	subscribers.HandleTx(first, takeEffect)
	run(t, first)
	eventually(t, func() bool {
		consumer, err := w.js.Consumer(t.Context(), "DEADLETTERS", "test")
		return err == nil && consumer.CachedInfo().NumWaiting > 0
	})
	begin.arm()
	_, err := w.js.PublishMsg(t.Context(), letter.Requeue("DEADLETTERS"))
	require.NoError(t, err)
	receive(t, begin.reached)
	cut.cut(t) // no heartbeats
	run(t, second)
	eventually(t, func() bool { return second.Stats().DeadLettered == 2 })
	close(begin.proceed)
	eventually(t, func() bool { return first.Stats().Duplicates == 1 })
	cut.lift()
	require.Empty(t, applied(t, pool))
}

// stopAtBegin opens transactions, and keeps the next one that it opens back until it may proceed, once it is armed.
type stopAtBegin struct {
	pool    *pgxpool.Pool
	armed   chan struct{}
	reached chan uint32 // the session's process id
	proceed chan struct{}
}

func newStopAtBegin(pool *pgxpool.Pool) *stopAtBegin {
	return &stopAtBegin{pool: pool, armed: make(chan struct{}, 1), reached: make(chan uint32, 1), proceed: make(chan struct{})}
}

func (s *stopAtBegin) arm() { s.armed <- struct{}{} }

func (s *stopAtBegin) Begin(ctx context.Context) (pgx.Tx, error) {
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return nil, err
	}
	select {
	case <-s.armed:
		s.reached <- tx.Conn().PgConn().PID()
		<-s.proceed
	default:
	}
	return tx, nil
}

// The server's own idle_in_transaction_session_timeout ends the session of a process that is frozen between two statements: the event is tried again, and
// Run goes on.
func TestSessionEndedForIdlenessDoesNotEndRun(t *testing.T) {
	t.Parallel()
	w, full := newWorld(t), pgtest.New(t)
	createEffects(t, full)
	config := full.Config()
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "200ms"
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	begin := newStopAtBegin(pool)
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(begin)})
	subscribers.HandleTx(sub, takeEffect)
	run(t, sub)
	w.publish(t, "invoice-1", drafted{})
	w.settled(t)
	begin.arm()
	w.publish(t, "invoice-1", drafted{})
	session := receive(t, begin.reached)
	eventually(t, func() bool {
		var ended bool
		err := full.QueryRow(t.Context(), `SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)`, int64(session)).Scan(&ended)
		return err == nil && ended
	})
	close(begin.proceed)
	w.settled(t)
	require.Equal(t, once(1, 2), applied(t, full))
}

// Handlers leave their shared transaction idle while they work elsewhere, all together for longer than the server would bear one of them: it bears them, and none
// has to be called again.
func TestBatchThatTakesLongerThanAHandlerMay(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	const count = 100
	w.publishMany(t, count, count)
	sub := w.subscribe(t, subscribers.Config{
		Inbox: subscribers.NewInbox(pool), Concurrency: 1, HandlerTimeout: time.Second, MaxDeliver: 3,
	})
	var called calls
	subscribers.HandleTx(sub, func(ctx context.Context, _ pgx.Tx, e contrail.Delivered[drafted]) error {
		called.add(e.Data.N)
		_, err := pool.Exec(ctx, `SELECT pg_sleep(0.03)`) // work, which takes its time
		return err
	})
	run(t, sub)
	w.settled(t)
	for n := range count {
		require.Equal(t, 1, called.of(n), "event %d", n)
	}
	require.Equal(t, int64(count), sub.Stats().Handled)
}

// A schedule of retries is for handlers that fail: it does not make events wait for a database that is back.
func TestOutageDoesNotFollowTheSchedule(t *testing.T) {
	t.Parallel()
	w, server := newWorld(t), pgtest.Server(t, localstack.PostgresConfig{})
	pool, err := pgxpool.New(t.Context(), server.URL())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = eventstore.Migrate(t.Context(), pool)
	require.NoError(t, err)
	createEffects(t, pool)
	logged := newLog()
	sub := w.subscribe(t, subscribers.Config{
		Inbox: subscribers.NewInbox(pool), Logger: logged.logger(), Concurrency: 1,
		Backoff: subscribers.Backoff{Schedule: []time.Duration{100 * time.Millisecond, time.Hour}},
	})
	subscribers.HandleTx(sub, takeEffect)
	run(t, sub)
	w.publish(t, "invoice-1", drafted{})
	w.settled(t)
	require.NoError(t, server.Stop())
	w.publish(t, "invoice-1", drafted{})
	for range 2 {
		logged.await(t, "the database is out of reach")
	}
	require.NoError(t, server.Restart(t.Context()))
	w.settled(t)
	require.Equal(t, once(1, 2), applied(t, pool))
}
