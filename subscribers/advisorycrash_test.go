package subscribers_test

import (
	"fmt"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// A handler that ends the process on one event, at every attempt: the others take effect, once, and that one becomes a dead letter. Whatever else the
// process has in hand loses its deliveries along with it, and gets another chance.
func TestHandlerThatExitsTheProcess(t *testing.T) {
	t.Parallel()
	for _, maxDeliver := range []int{2, 4} {
		t.Run(strconv.Itoa(maxDeliver), func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			const count = 40
			w.publishMany(t, count, 8)
			for range maxDeliver {
				w.startChild(t, pool, roleExits, maxDeliver, 2048).awaitExit(t)
			}
			w.keepChild(t, pool, maxDeliver)    // and this one goes on
			require.Eventually(t, func() bool { // an advisory that was sent to a process that died comes again after a while
				events, _ := effects(t, pool)
				return events == count-1
			}, 4*patience, 20*time.Millisecond)
			letter := w.awaitLetters(t, 1)[0]
			require.Equal(t, poison, numberIn(t, letter))
			require.Equal(t, subscribers.ReasonCrashed, letter.Reason)
			require.Equal(t, maxDeliver, letter.Deliveries)
			require.Contains(t, letter.Error, fmt.Sprintf("nobody answered its last delivery, of %d", maxDeliver))
			require.Equal(t, uint64(poison+1), letter.Sequence)
			require.Equal(t, "events.invoice.5.InvoiceDrafted", letter.Subject)
			require.NotEmpty(t, letter.MsgID)
			require.True(t, letter.FailedAt.After(letter.PublishedAt))
			events, times := effects(t, pool)
			require.Equal(t, [2]int{count - 1, count - 1}, [2]int{events, times})
		})
	}
}

// The broker gives the event up while nobody runs, and is restarted itself before anybody does.
func TestExhaustedWhileNobodyRuns(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	const count = 30
	w.publishMany(t, count, 5)
	w.startChild(t, pool, roleExits, 1, 1).awaitExit(t)
	w.awaitAdvisories(t, 1)
	w.restart(t)
	config := oneTry()
	config.Inbox = subscribers.NewInbox(pool)
	run(t, w.handling(t, config))
	letter := w.awaitLetters(t, 1)[0]
	require.Equal(t, poison, numberIn(t, letter))
	require.Equal(t, 1, letter.Deliveries)
	w.settled(t)
	events, times := effects(t, pool)
	require.Equal(t, [2]int{count - 1, count - 1}, [2]int{events, times})
}

// The effect is committed, the process killed before it can say so, and that was the last delivery: there is nothing to bury.
func TestKilledBetweenCommitAndAckOfTheLastDelivery(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	w.publish(t, "invoice-1", drafted{N: 1})
	c := w.startChild(t, pool, roleCommits, 1, 1)
	c.awaitLine(t, "committed")
	c.kill(t)
	w.awaitAdvisories(t, 1)
	config := oneTry()
	config.Inbox = subscribers.NewInbox(pool)
	run(t, w.handling(t, config))
	w.heeded(t, 1)
	require.Empty(t, w.deadLetters(t))
	events, times := effects(t, pool)
	require.Equal(t, [2]int{1, 1}, [2]int{events, times})
}

// A process is frozen with two events on their last delivery, one in its handler and one that waits for it. When it wakes up, each of them has either
// taken effect or is a dead letter.
func TestFrozenProcessWithLastDeliveries(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	const waiting = poison + 1
	w.publish(t, "invoice-1", drafted{N: poison})
	w.publish(t, "invoice-2", drafted{N: waiting})
	c := w.startChild(t, pool, roleStuck, 1, 2)
	c.awaitLine(t, "stuck")
	eventually(t, func() bool {
		consumer, err := w.js.Consumer(t.Context(), wire.DefaultStream, "test")
		return err == nil && consumer.CachedInfo().NumAckPending == 2
	})
	require.NoError(t, c.Process.Signal(syscall.SIGSTOP))
	w.awaitAdvisories(t, 2)
	config, logged := oneTry(), newLog()
	config.Inbox, config.Logger = subscribers.NewInbox(pool), logged.logger()
	run(t, w.handling(t, config))
	require.Equal(t, waiting, numberIn(t, w.awaitLetters(t, 1)[0]))
	lookedAt(t, logged) // the handler of the other one still has its row

	_, err := fmt.Fprintln(c.in)
	require.NoError(t, err)
	require.NoError(t, c.Process.Signal(syscall.SIGCONT))
	w.heeded(t, 2)
	require.Len(t, w.deadLetters(t), 1)
	eventually(t, func() bool {
		events, times := effects(t, pool)
		return events == 1 && times == 1
	})
	var position int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT position FROM effects`).Scan(&position))
	require.Equal(t, 1, position, "the one in the handler")
}

// The same, but the process dies in its sleep: nothing has taken effect.
func TestFrozenProcessThatDies(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	w.publish(t, "invoice-1", drafted{N: poison})
	c := w.startChild(t, pool, roleStuck, 1, 1)
	c.awaitLine(t, "stuck")
	require.NoError(t, c.Process.Signal(syscall.SIGSTOP))
	w.awaitAdvisories(t, 1)
	config, logged := oneTry(), newLog()
	config.Inbox, config.Logger = subscribers.NewInbox(pool), logged.logger()
	run(t, w.handling(t, config))
	lookedAt(t, logged)
	c.kill(t)
	require.Equal(t, poison, numberIn(t, w.awaitLetters(t, 1)[0]))
	w.heeded(t, 1)
	events, _ := effects(t, pool)
	require.Zero(t, events)
}
