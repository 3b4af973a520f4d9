package subscribers_test

import (
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

const (
	leftOut     = "it is left out"
	startsAgain = "reading it from the beginning"
)

// arrives waits until the checkpoint is at a position and a sequence.
func arrives(tb testing.TB, pool *pgxpool.Pool, position contrail.Position, sequence int64) {
	tb.Helper()
	eventually(tb, func() bool {
		var at [2]int64
		err := pool.QueryRow(tb.Context(), `SELECT position, sequence FROM contrail.projections WHERE name = 'test'`).Scan(&at[0], &at[1])
		return err == nil && at == [2]int64{int64(position), sequence}
	})
}

// applied is how often each event took effect, by position.
func applied(tb testing.TB, pool *pgxpool.Pool) map[int]int {
	tb.Helper()
	rows, err := pool.Query(tb.Context(), `SELECT position, count FROM effects`)
	require.NoError(tb, err)
	defer rows.Close()
	counts := map[int]int{}
	for rows.Next() {
		var position, count int
		require.NoError(tb, rows.Scan(&position, &count))
		counts[position] = count
	}
	require.NoError(tb, rows.Err())
	return counts
}

// once is what applied returns when each of these positions took effect once.
func once(positions ...int) map[int]int {
	counts := map[int]int{}
	for _, position := range positions {
		counts[position] = 1
	}
	return counts
}

// A requeued event was never in the stream before: it is projected where it stands, once, also when the projection has ended right there.
func TestProjectionOfARequeuedEvent(t *testing.T) {
	t.Parallel()
	for name, filter := range map[string][]string{"all": nil, "filtered": {"events.invoice.>"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			logged := newLog()
			config := subscribers.ProjectionConfig{Filter: filter, Logger: logged.logger()}
			first := w.event("invoice-1", drafted{})
			w.resend(t, first, wire.ResentRequeue, 0) // nothing stands before it
			stop := run(t, w.projection(t, pool, config, projectEffect))
			arrives(t, pool, 0, 1)
			stop()
			run1 := run(t, w.projection(t, pool, config, projectEffect))
			w.publish(t, "invoice-1", drafted{})
			parked := w.event("invoice-1", drafted{})
			w.publish(t, "invoice-1", drafted{})
			last := w.event("contact-1", drafted{})
			if filter != nil {
				w.send(t, last) // is passed by, so that the checkpoint is at 4, and the requeued one after 5
			} else {
				last = w.event("invoice-1", drafted{})
				w.send(t, last)
			}
			w.resend(t, parked, wire.ResentRequeue, last.Position)
			arrives(t, pool, last.Position, 5)
			run1()
			run(t, w.projection(t, pool, config, projectEffect))
			next := w.publish(t, "invoice-1", drafted{})
			w.reaches(t, pool)
			want := once(1, 2, 3, 4, int(next.Position))
			if filter == nil {
				want[int(last.Position)] = 1
			}
			require.Equal(t, want, applied(t, pool))
			logged.never(t, startsAgain)
			logged.never(t, leftOut)
		})
	}
}

func TestProjectionOfRequeuedEventsOverKills(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	var parked []contrail.Recorded
	for n := range 12 {
		if event := w.event("invoice-1", drafted{N: n}); n%3 == 1 {
			parked = append(parked, event)
		} else {
			w.send(t, event)
		}
	}
	for _, event := range parked {
		w.resend(t, event, wire.ResentRequeue, w.position)
	}
	for range 4 { // at three events each, the last of them in the midst of those requeued
		w.killAfterCommit(t, pool, "projection")
	}
	run(t, w.projection(t, pool, subscribers.ProjectionConfig{}, projectEffect))
	w.publish(t, "invoice-1", drafted{})
	w.reaches(t, pool)
	require.Equal(t, once(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13), applied(t, pool))
}

// A repaired event may have been projected before it was lost: it is left out, and said so once, restarts included.
func TestProjectionLeavesOutARepairedEvent(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	var all []contrail.Recorded
	for range 3 {
		all = append(all, w.publish(t, "invoice-1", drafted{}))
	}
	logged := newLog()
	config := subscribers.ProjectionConfig{Logger: logged.logger()}
	stop := run(t, w.projection(t, pool, config, projectEffect))
	w.reaches(t, pool)
	w.resend(t, all[1], wire.ResentRepair, 3)
	logged.await(t, "rebuild that: contrail projections rebuild")
	arrives(t, pool, 3, 4)
	stop()
	run(t, w.projection(t, pool, config, projectEffect))
	w.publish(t, "invoice-1", drafted{})
	w.reaches(t, pool)
	require.Equal(t, once(1, 2, 3, 4), applied(t, pool))
	logged.never(t, leftOut)
	logged.never(t, startsAgain)
}

// What was lost before it was projected comes into the read model when that is rebuilt, also while the projection runs.
func TestProjectionRebuiltOverARepair(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	w.publish(t, "invoice-1", drafted{})
	lost := w.event("invoice-1", drafted{})
	w.publish(t, "invoice-1", drafted{})
	logged := newLog()
	run(t, w.projection(t, pool, subscribers.ProjectionConfig{Logger: logged.logger()}, projectEffect))
	w.reaches(t, pool)
	w.resend(t, lost, wire.ResentRepair, w.position)
	logged.await(t, leftOut)
	arrives(t, pool, 3, 3)
	require.Equal(t, once(1, 3), applied(t, pool))

	_, err := pool.Exec(t.Context(), `DELETE FROM contrail.projections; DELETE FROM effects`)
	require.NoError(t, err)
	w.publish(t, "invoice-1", drafted{}) // this is how the projection notices
	arrives(t, pool, 4, 4)
	require.Equal(t, once(1, 2, 3, 4), applied(t, pool))
	logged.never(t, leftOut)
}

// The stream is lost and filled again: up to the checkpoint requeued and repaired events count as projected, behind it they do not.
func TestProjectionOfResentEventsInARebuiltStream(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	var all []contrail.Recorded
	for range 9 {
		all = append(all, w.event("invoice-1", drafted{}))
	}
	for _, event := range all[:4] {
		w.send(t, event)
	}
	stop := run(t, w.projection(t, pool, subscribers.ProjectionConfig{}, projectEffect))
	arrives(t, pool, 4, 4)
	stop()
	require.NoError(t, w.js.DeleteStream(t.Context(), wire.DefaultStream))
	w.createStream(t)
	w.send(t, all[0])
	w.send(t, all[2])
	w.resend(t, all[1], wire.ResentRequeue, 3) // projected from the former stream
	w.resend(t, all[2], wire.ResentRepair, 3)  // likewise
	w.send(t, all[3])
	w.send(t, all[5])
	w.send(t, all[8])
	w.resend(t, all[4], wire.ResentRequeue, 9)
	w.resend(t, all[6], wire.ResentRepair, 9)
	logged := newLog()
	stop = run(t, w.projection(t, pool, subscribers.ProjectionConfig{Logger: logged.logger()}, projectEffect))
	arrives(t, pool, 9, 9)
	logged.await(t, "resent=requeue position=2")
	logged.await(t, "resent=repair position=3")
	logged.never(t, leftOut)
	stop()
	run(t, w.projection(t, pool, subscribers.ProjectionConfig{Logger: logged.logger()}, projectEffect))
	w.resend(t, all[7], wire.ResentRequeue, 9)
	w.publish(t, "invoice-1", drafted{})
	w.reaches(t, pool)
	require.Equal(t, once(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), applied(t, pool))
	logged.never(t, startsAgain)
}

// Somebody else has projected a requeued event, which leaves the position where it was.
func TestProjectionNoticesAnotherWriterByTheSequence(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	logged := newLog()
	run(t, w.projection(t, pool, subscribers.ProjectionConfig{Logger: logged.logger()}, projectEffect))
	w.publish(t, "invoice-1", drafted{})
	requeued := w.event("invoice-1", drafted{})
	third := w.publish(t, "invoice-1", drafted{})
	w.reaches(t, pool)
	_, err := pool.Exec(t.Context(), `UPDATE contrail.projections SET sequence = 3 WHERE name = 'test'`)
	require.NoError(t, err)
	w.resend(t, requeued, wire.ResentRequeue, third.Position)
	logged.await(t, "another process has moved the checkpoint")
	w.publish(t, "invoice-1", drafted{})
	w.reaches(t, pool)
	require.Equal(t, once(1, 3, 4), applied(t, pool))
}

// An inbox knows an event by its position, wherever that stands.
func TestInboxOverARepair(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool)})
	subscribers.HandleTx(sub, takeEffect)
	run(t, sub)
	handled := w.publish(t, "invoice-1", drafted{})
	parked := w.event("invoice-1", drafted{})
	w.publish(t, "invoice-1", drafted{})
	w.settled(t)
	w.resend(t, handled, wire.ResentRepair, 3)
	w.resend(t, parked, wire.ResentRequeue, 3)
	w.settled(t)
	require.Equal(t, once(1, 2, 3), applied(t, pool))
	stats := sub.Stats()
	require.Equal(t, [2]int64{3, 1}, [2]int64{stats.Handled, stats.Duplicates})
}

// A rebuild that is interrupted, and goes on in the same process, still knows what was missing from the stream when it began.
func TestProjectionRebuiltOverARepairWithAnInterruption(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	const count = 300
	lost := w.event("invoice-1", drafted{})
	w.publishMany(t, count, 3)
	w.resend(t, lost, wire.ResentRepair, w.position)
	logged := newLog()
	projection := w.projection(t, pool, subscribers.ProjectionConfig{Batch: 1, Logger: logged.logger()}, projectEffect)
	interrupt := sync.OnceFunc(func() {
		_, err := pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
		require.NoError(t, err)
	})
	projection.OnCommitted(interrupt)
	run(t, projection)
	arrives(t, pool, w.position, count+1)
	events, times := effects(t, pool)
	require.Equal(t, [2]int{count + 1, count + 1}, [2]int{events, times})
	logged.await(t, "projection is interrupted")
}
