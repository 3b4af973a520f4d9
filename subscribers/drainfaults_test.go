package subscribers_test

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
)

// The drain's time is up in the midst of a batch: no handler of those behind is called, and all take effect in the next run.
func TestDrainStopsInTheMidstOfABatch(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	const count, last = 100, 3
	w.publishMany(t, count, count)
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool), Concurrency: 1, DrainTimeout: 50 * time.Millisecond})
	running := make(chan struct{}, count)
	var called atomic.Int64
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[drafted]) error {
		if called.Add(1) == last {
			running <- struct{}{}
			<-ctx.Done()
		}
		return takeEffect(context.WithoutCancel(ctx), tx, e)
	})
	stop := run(t, sub)
	receive(t, running)
	stop()
	require.EqualValues(t, last, called.Load())

	next := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool)})
	subscribers.HandleTx(next, takeEffect)
	run(t, next)
	w.settled(t)
	events, times := effects(t, pool)
	require.Equal(t, [2]int{count, count}, [2]int{events, times})
	require.Empty(t, w.deadLetters(t))
}

// The broker is out of reach when a subscription is to end that has events on their last delivery in hand: it ends.
func TestDrainWhileTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const count = 12
	w.publishMany(t, count, count)
	cut := &gate{}
	sub := w.as(cut.through(t, w)).subscribe(t, subscribers.Config{MaxDeliver: 1, Concurrency: 1, DrainTimeout: 500 * time.Millisecond})
	running := make(chan struct{}, count)
	subscribers.Handle(sub, func(ctx context.Context, _ contrail.Delivered[drafted]) error {
		running <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	stop := run(t, sub)
	receive(t, running)
	eventually(t, func() bool { return sub.Stats().Delivered == count })
	cut.cut(t)
	stop()
}

// The database does not answer any more, without a lost connection, when a subscription is to end that has a handler at work: it ends.
func TestDrainWhileTheDatabaseIsSilent(t *testing.T) {
	t.Parallel()
	w, full := newWorld(t), pgtest.New(t)
	createEffects(t, full)
	var silent atomic.Bool
	config := full.Config()
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return &blackHole{Conn: conn, armed: &silent}, err
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool), DrainTimeout: 300 * time.Millisecond, AckWait: shortWait})
	running := make(chan struct{}, 1)
	subscribers.HandleTx(sub, func(ctx context.Context, _ pgx.Tx, _ contrail.Delivered[drafted]) error {
		running <- struct{}{}
		<-ctx.Done()
		return errBroken
	})
	w.publish(t, "invoice-1", drafted{})
	stop := run(t, sub)
	receive(t, running)
	silent.Store(true)
	stop()
}

// blackHole is a connection that swallows what is written, once it is armed.
type blackHole struct {
	net.Conn

	armed *atomic.Bool
}

func (h *blackHole) Write(text []byte) (int, error) {
	if h.armed.Load() {
		return len(text), nil
	}
	return h.Conn.Write(text)
}

const blockedSQL = `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%inbox_claim%')`

// Another process, whose heartbeats were lost, is about to commit an event's effect while the subscription that waits for its row, on the last delivery, is to
// end: there is no dead letter beside the effect.
func TestDrainDoesNotBuryWhatIsAboutToTakeEffect(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	event := w.publish(t, "invoice-1", drafted{})
	other, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = other.Exec(t.Context(), `SELECT contrail.inbox_claim('test', $1::text::bigint[])`, fmt.Sprintf("{%d}", event.Position))
	require.NoError(t, err)
	_, err = other.Exec(t.Context(), effectSQL, event.Position)
	require.NoError(t, err)
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool), MaxDeliver: 1, DrainTimeout: 300 * time.Millisecond})
	subscribers.HandleTx(sub, takeEffect)
	stop := run(t, sub)
	eventually(t, func() bool {
		var blocked bool
		err := pool.QueryRow(t.Context(), blockedSQL).Scan(&blocked)
		return err == nil && blocked
	})
	stop()
	require.NoError(t, other.Commit(t.Context()))
	events, times := effects(t, pool)
	require.Equal(t, [2]int{1, 1}, [2]int{events, times})
	require.Empty(t, w.deadLetters(t))
}
