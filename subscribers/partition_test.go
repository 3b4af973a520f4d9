package subscribers_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
)

const (
	partitionCount = 4
	shortLease     = 1500 * time.Millisecond
)

// divided is the configuration of a subscription with partitions, which notices soon that a member is gone.
func divided() subscribers.Config {
	return subscribers.Config{Partitions: partitionCount, AckWait: 2 * time.Second, MaxDeliver: 100}
}

// member makes a subscription with a connection of its own.
func (w *world) member(tb testing.TB, config subscribers.Config) *subscribers.Subscription {
	tb.Helper()
	js, err := jetstream.New(natstest.Connect(tb, w.server.URL()))
	require.NoError(tb, err)
	sub := (&world{js: js}).subscribe(tb, config)
	sub.Lease(shortLease)
	return sub
}

// shares waits until so many members hold so many partitions each, in any order.
func (w *world) shares(tb testing.TB, wanted ...int) {
	tb.Helper()
	eventually(tb, func() bool { return fmt.Sprint(w.holds(tb)) == fmt.Sprint(wanted) })
}

// holds is how many partitions each living member holds, the most first.
func (w *world) holds(tb testing.TB) []int {
	tb.Helper()
	membership, err := subscribers.Members(tb.Context(), w.js, "EVENTS", "test")
	if err != nil {
		return nil
	}
	var holds []int
	for _, member := range membership.Members {
		if member.Alive {
			holds = append(holds, len(member.Holds))
		}
	}
	slices.SortFunc(holds, func(a, b int) int { return cmp.Compare(b, a) })
	return holds
}

// journal is a table that keeps effects in their order. Rows of one event stream can't be written by two at a time, so their ids are in the order of
// the commits.
type journal struct{ pool *pgxpool.Pool }

func newJournal(tb testing.TB) journal {
	tb.Helper()
	pool := pgtest.New(tb)
	_, err := pool.Exec(tb.Context(), `
CREATE TABLE journal (id bigserial PRIMARY KEY, stream text NOT NULL, version bigint NOT NULL, position bigint NOT NULL);
CREATE TABLE versions (stream text PRIMARY KEY, version bigint NOT NULL)`)
	require.NoError(tb, err)
	return journal{pool}
}

// write records an effect. The row of the stream is locked until the commit.
func (journal) write(ctx context.Context, tx pgx.Tx, e contrail.Delivered[drafted]) error {
	_, err := tx.Exec(ctx, `INSERT INTO versions VALUES ($1, $2) ON CONFLICT (stream) DO UPDATE SET version = excluded.version`, e.Stream.String(), e.Version)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO journal (stream, version, position) VALUES ($1, $2, $3)`, e.Stream.String(), e.Version, e.Position)
	return err
}

// check waits for so many effects and wants each once, in the order of its stream.
func (j journal) check(tb testing.TB, count int) {
	tb.Helper()
	eventually(tb, func() bool { return j.count(tb) >= count })
	var effects, outOfOrder, events int
	require.NoError(tb, j.pool.QueryRow(tb.Context(), `SELECT count(*), count(*) FILTER (WHERE version <> rank), count(DISTINCT position) FROM (
		SELECT version, position, row_number() OVER (PARTITION BY stream ORDER BY id) AS rank FROM journal) AS s`).Scan(&effects, &outOfOrder, &events))
	require.Equal(tb, [3]int{count, 0, count}, [3]int{effects, outOfOrder, events}, "effects, those out of order, events")
}

func (j journal) count(tb testing.TB) (count int) {
	tb.Helper()
	require.NoError(tb, j.pool.QueryRow(tb.Context(), `SELECT count(*) FROM journal`).Scan(&count))
	return count
}

// fails is what a handler of a member does after its effect: some events fail at first.
func (j journal) fails(ctx context.Context, tx pgx.Tx, e contrail.Delivered[drafted]) error {
	if err := j.write(ctx, tx, e); err != nil {
		return err
	}
	if e.Delivery.Attempt <= failures(e.Position) {
		return errBroken
	}
	return nil
}

// Members come and go while events flow: the effects are in order, each once, and the shares even.
func TestPartitionsAreShared(t *testing.T) {
	t.Parallel()
	const count, streams = 3000, 40
	w, j := newWorld(t), newJournal(t)
	join := func() (stop func()) {
		config := divided()
		config.Inbox = subscribers.NewInbox(j.pool)
		sub := w.member(t, config)
		subscribers.HandleTx(sub, j.fails)
		return run(t, sub)
	}
	var publishing sync.WaitGroup
	publishing.Go(func() {
		for i := range count {
			w.publish(t, fmt.Sprintf("invoice-%d", i%streams), drafted{N: i})
		}
	})
	first := join()
	w.shares(t, 4)
	second := join()
	w.shares(t, 2, 2)
	third := join()
	w.shares(t, 2, 1, 1)
	began := time.Now()
	first()
	w.shares(t, 2, 2)
	t.Logf("a member has left, its partitions were taken over after %v", time.Since(began).Round(time.Millisecond))
	fourth := join()
	w.shares(t, 2, 1, 1)
	third()
	second()
	w.shares(t, 4)
	publishing.Wait()
	j.check(t, count)
	fourth()
	require.Empty(t, w.holds(t))
	require.Empty(t, w.deadLetters(t))
}
