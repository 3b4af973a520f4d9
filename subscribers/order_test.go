package subscribers_test

import (
	"context"
	"hash/fnv"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
)

// order checks that each stream's events succeed in version order, none skipped, none twice, and never two at a time.
type order struct {
	mu      sync.Mutex
	next    map[contrail.StreamID]int64
	busy    map[contrail.StreamID]bool
	broken  string
	success int
}

func newOrder() *order {
	return &order{next: map[contrail.StreamID]int64{}, busy: map[contrail.StreamID]bool{}}
}

func (o *order) begin(e contrail.Delivered[drafted]) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.busy[e.Stream] || e.Version != o.next[e.Stream]+1 {
		o.broken = e.Stream.String() + " at version " + strconv.FormatInt(e.Version, 10) +
			", expected " + strconv.FormatInt(o.next[e.Stream]+1, 10)
	}
	o.busy[e.Stream] = true
}

func (o *order) end(e contrail.Delivered[drafted], succeeded bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.busy[e.Stream] = false
	if succeeded {
		o.next[e.Stream] = e.Version
		o.success++
	}
}

func (o *order) check(t *testing.T, count int) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	require.Empty(t, o.broken)
	require.Equal(t, count, o.success)
}

// failures is how often an event fails before it succeeds: one in eight fails once or more.
func failures(position contrail.Position) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(strconv.FormatInt(int64(position), 10)))
	return max(0, int(h.Sum32()>>8%24)-20)
}

func TestOrderUnderFailuresAndConcurrency(t *testing.T) {
	t.Parallel()
	const count, streams = 3000, 40
	w := newWorld(t)
	w.publishMany(t, count, streams)
	observed := newOrder()
	sub := w.subscribe(t, subscribers.Config{Backoff: subscribers.Backoff{Min: time.Millisecond, Max: 8 * time.Millisecond}})
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) (err error) {
		observed.begin(e)
		defer func() { observed.end(e, err == nil) }()
		if e.Delivery.Attempt <= failures(e.Position) {
			return errBroken
		}
		return nil
	})
	run(t, sub)
	w.settled(t)
	observed.check(t, count)
	require.NotZero(t, sub.Stats().Retried)
	require.Empty(t, w.deadLetters(t))
}

// The same with the inbox: what counts is what the transactions left behind.
func TestOrderInTransactions(t *testing.T) {
	t.Parallel()
	const count, streams = 2000, 25
	w, pool := newWorld(t), pgtest.New(t)
	_, err := pool.Exec(t.Context(), `CREATE TABLE seen (id bigserial, stream text, version bigint)`)
	require.NoError(t, err)
	w.publishMany(t, count, streams)
	sub := w.subscribe(t, subscribers.Config{
		Inbox: subscribers.NewInbox(pool), Backoff: subscribers.Backoff{Min: time.Millisecond, Max: 8 * time.Millisecond}, InboxBatch: 20,
	})
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[drafted]) error {
		if _, err := tx.Exec(ctx, `INSERT INTO seen (stream, version) VALUES ($1, $2)`, e.Stream.String(), e.Version); err != nil {
			return err
		}
		if e.Delivery.Attempt <= failures(e.Position) {
			return errBroken
		}
		return nil
	})
	run(t, sub)
	w.settled(t)
	var events, outOfOrder int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*), count(*) FILTER (WHERE version <> rank) FROM (
		SELECT version, row_number() OVER (PARTITION BY stream ORDER BY id) AS rank FROM seen) AS s`).Scan(&events, &outOfOrder))
	require.Equal(t, [2]int{count, 0}, [2]int{events, outOfOrder})
	require.NotZero(t, sub.Stats().Retried)
}

// A stream whose first event fails fills MaxAckPending with siblings that wait. The retry comes nevertheless, and costs the siblings nothing.
func TestHeldLaneBeyondMaxAckPending(t *testing.T) {
	t.Parallel()
	const count, pending = 30, 8
	w := newWorld(t)
	w.publishMany(t, count, 1)
	observed := newOrder()
	sub := w.subscribe(t, subscribers.Config{
		MaxAckPending: pending, AckWait: 3 * time.Second, Backoff: subscribers.Backoff{Min: 4 * time.Second, Max: 4 * time.Second},
	})
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) (err error) {
		observed.begin(e)
		defer func() { observed.end(e, err == nil) }()
		if e.Version == 1 && e.Delivery.Attempt <= 2 {
			return errBroken
		}
		if e.Version > 1 && e.Delivery.Attempt > 1 {
			return contrail.Permanent(errBroken) // it has lost a delivery
		}
		return nil
	})
	run(t, sub)
	w.settled(t)
	observed.check(t, count)
	require.Empty(t, w.deadLetters(t))
	require.Equal(t, int64(count+2), sub.Stats().Delivered)
}

// The event that failed here is taken by somebody else: its siblings go on.
func TestHeldLaneIsReleasedWhenTheRetryGoesElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publishMany(t, 2, 1)
	sub := w.subscribe(t, subscribers.Config{AckWait: 200 * time.Millisecond})
	handled := make(chan int64, 9)
	subscribers.Handle(sub, func(ctx context.Context, e contrail.Delivered[drafted]) error {
		handled <- e.Version
		if e.Version > 1 {
			return nil
		}
		// As far as the broker can tell, another process had the redelivery and acknowledged it.
		consumer, err := w.js.Consumer(ctx, "EVENTS", "test")
		if err != nil {
			return err
		}
		info := consumer.CachedInfo()
		err = w.js.Conn().Publish("$JS.ACK.EVENTS.test.1."+strconv.FormatUint(e.Delivery.Sequence, 10)+".1."+
			strconv.FormatInt(info.Created.UnixNano(), 10)+".0", []byte("+ACK"))
		if err != nil {
			return err
		}
		return contrail.RetryAfter(time.Millisecond, errBroken)
	})
	run(t, sub)
	require.Equal(t, int64(1), receive(t, handled))
	require.Equal(t, int64(2), receive(t, handled))
	w.settled(t)
}
