package subscribers_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
)

// freeze stops the child when it has come to its point: no heartbeat leaves it any more.
func (c *child) freeze(tb testing.TB) {
	tb.Helper()
	c.awaitLine(tb, "here")
	require.NoError(tb, c.Process.Signal(syscall.SIGSTOP))
	tb.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
}

// thaw lets it go on.
func (c *child) thaw(tb testing.TB) {
	tb.Helper()
	_, err := fmt.Fprintln(c.in, "go")
	require.NoError(tb, err)
	require.NoError(tb, c.Process.Signal(syscall.SIGCONT))
}

// Two processes share a durable. One is frozen for longer than AckWait with an event in hand, which the other one handles; then it goes on: the
// event takes effect once. Where the frozen one holds the event's row the other one waits for it, and others' events don't.
func TestFrozenBeyondAckWait(t *testing.T) {
	t.Parallel()
	for _, form := range []string{formTx, formSQL} {
		for _, at := range []string{"before the claim", inside, "before the commit", "after the commit"} {
			if !long() && (at == "before the commit" || form == formSQL && at != inside) {
				continue // it is as in the handler
			}
			t.Run(form+" "+at, func(t *testing.T) {
				t.Parallel()
				const others = 20
				w, pool := newWorld(t), pgtest.New(t)
				createEffects(t, pool)
				createCalls(t, pool)
				w.publish(t, "invoice-frozen", drafted{N: slow})
				frozen := w.startWired(t, pool, wired{form: form, at: at, maxDeliver: 20})
				frozen.freeze(t)

				w.publishMany(t, others, others)
				sub := w.subscribe(t, killConfig(inboxOf(t, pool, form), 20))
				register(sub, form, pool, func(context.Context, contrail.Delivered[drafted]) error { return nil })
				run(t, sub)
				eventually(t, func() bool {
					events, _ := effects(t, pool)
					return events >= others
				})
				if at == "before the claim" || at == "after the commit" {
					eventually(t, func() bool { // the frozen one's event, too
						events, _ := effects(t, pool)
						return events == others+1 && sub.Stats().Handled+sub.Stats().Duplicates >= others+1
					})
				}
				frozen.thaw(t)
				eventually(t, func() bool {
					stats := frozen.stats(t)
					return stats.Handled+stats.Duplicates > 0
				})
				w.settled(t)
				events, times := effects(t, pool)
				require.Equal(t, [2]int{others + 1, others + 1}, [2]int{events, times})
				require.Empty(t, w.deadLetters(t))
			})
		}
	}
}

// While one process is frozen with the event in hand, the other one fails with it until it is a dead letter. The one that wakes up finds the dead row:
// there is no effect beside the dead letter.
func TestFrozenWhileItsEventBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	for _, form := range []string{formTx, formSQL} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			const maxDeliver = 3
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			createCalls(t, pool)
			w.publish(t, "invoice-1", drafted{N: slow})
			frozen := w.startWired(t, pool, wired{form: form, at: "before the claim", maxDeliver: maxDeliver})
			frozen.freeze(t)
			sub := w.subscribe(t, killConfig(inboxOf(t, pool, form), maxDeliver))
			register(sub, form, pool, func(context.Context, contrail.Delivered[drafted]) error { return errBroken })
			run(t, sub)
			letter := w.awaitLetters(t, 1)[0]
			require.Contains(t, []subscribers.Reason{subscribers.ReasonExhausted, subscribers.ReasonCrashed}, letter.Reason)
			frozen.thaw(t)
			eventually(t, func() bool { return frozen.stats(t).Duplicates > 0 })
			w.settled(t)
			events, _ := effects(t, pool)
			require.Zero(t, events)
			require.Len(t, w.deadLetters(t), 1)
		})
	}
}

// A process is frozen in a handler, holding its event's row, and does not wake up for long: when its time is up the database ends its session, the other one
// handles the event and all behind it, and the one that wakes up has no effect any more.
func TestFrozenInAHandlerForLong(t *testing.T) {
	t.Parallel()
	for _, form := range []string{formTx, formSQL} {
		if form == formSQL && !long() {
			continue // it is the database that makes the difference
		}
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			const others, maxDeliver = 20, 20
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			createCalls(t, pool)
			w.publish(t, "invoice-frozen", drafted{N: slow})
			frozen := w.startWired(t, pool, wired{form: form, at: inside, maxDeliver: maxDeliver, limit: "500ms"})
			frozen.freeze(t)
			w.publishMany(t, others, others)
			config := killConfig(inboxOf(t, pool, form), maxDeliver)
			config.Concurrency = 1
			sub := w.subscribe(t, config)
			register(sub, form, pool, func(context.Context, contrail.Delivered[drafted]) error { return nil })
			run(t, sub)
			eventually(t, func() bool { return sub.Stats().Handled == others+1 })
			frozen.thaw(t)
			eventually(t, func() bool {
				stats := frozen.stats(t)
				return stats.Retried+stats.Duplicates > 0
			})
			w.settled(t)
			events, times := effects(t, pool)
			require.Equal(t, [2]int{others + 1, others + 1}, [2]int{events, times})
			require.Empty(t, w.deadLetters(t))
		})
	}
}
