package subscribers_test

// What five other systems test about retries, exhaustion, terminal states, redelivery and dead letters, as far as it is about consuming, and where the
// same is shown here.
//
//	ApprovalEngine's outbox job
//	  event invokes its callback, marked processed               TestHandlersGetTheirTypes, TestSuccessIsOneAttempt
//	  already processed is skipped                               TestInboxRecognisesAnEventPublishedTwice, TestTerminalStatesShortCircuit
//	  error recorded, retry scheduled, still unprocessed         TestFailureLeavesTheEventPending
//	  a delivery failure never clobbers the semantic reason      TestRequeueFailsAgain (payload and headers), TestWhatCannotBeDecodedIsADeadLetterAtOnce
//	  drain picks neither processed nor dead, honours its limit  TestDeadEventsAreNotDeliveredAgain, TestHeldLaneBeyondMaxAckPending
//	  purged record is retired, not looped                       TestRequeueOfAnEventThatHasAgedOut, TestOneCulpritInABatch (contrail.Skip)
//	  eight attempts, then dead                                  TestAttemptsAreNumberedUntilTheLast
//	  two threads, one wins                                      TestTwoProcessesOneWinner
//	  one failing step does not starve the sweep                 TestPoison
//
//	AcidicJob
//	  breakage at every point, exactly one success               TestKilledAtEachPoint, TestHandlerThatExitsTheProcess
//	  a fault anywhere (simulation)                              TestSubscriptionAgainstAModel
//	  retry at each step, error without rescue, discard          TestSubscriptionAgainstAModel, TestPoison
//	  write then error: kept without a transaction, lost in it   TestWritesOfAFailedAttempt
//	  stale lock is taken over, the former holder does nothing   TestFrozenBeyondAckWait, TestFrozenWhileItsEventBecomesADeadLetter
//	  in-flight equivalent is denied                             TestTwoProcessesOneWinner
//	  finished key does not run again                            TestTerminalStatesShortCircuit
//	  crash before the cursor is updated                         TestInboxSurvivesKillBetweenCommitAndAck
//	  serialization failure or deadlock: retry, exhaustion       TestSerializationFailures
//	  error while unlocking is swallowed                         TestBrokerRestarts, TestCommitThatIsInDoubt
//
//	Journaled's outbox
//	  empty batch                                                TestNothingToHandle
//	  all succeed                                                TestOrderInTransactions
//	  transient left, permanent marked, the rest goes on; mixed  TestOneCulpritInABatch, TestPoison
//	  whole batch transient                                      TestWholeBatchFails
//	  failures map to their records                              TestPoison, TestHandleSQLOnceInEffect
//	  oversize                                                   TestDeadLetterOfAnEventNearTheSizeLimit
//	  validation error isolates the offenders                    TestWhatCannotBeDecodedIsADeadLetterAtOnce, TestCodecThatCannotReadAnEvent
//	  sequential: stop on transient, go on after permanent       TestStreamWaitsForARetryAndGoesOnAfterADeadLetter
//	  worker continues after an error, metrics while all errs    TestStatsWhileEverythingFails
//	  missing table                                              TestMissingInboxTableEndsRunBeforeADeliveryIsUsedUp
//	  signals, shutdown before start                             TestDrain, TestRunWithACtxThatHasEnded
//
//	Outboxer
//	  ok, StandardError, Exception                               TestPoison, TestGoexitIsAFailure, TestHandlerThatExitsTheProcess
//	  nothing queued, block not called                           TestNothingToHandle
//	  requeue                                                    TestRequeueTakesEffectOnce, TestRequeueFailsAgain
//	  error fails the message and is logged, the loop goes on    TestStatsWhileEverythingFails, TestDatabaseOutageBurnsNoDeliveries
//	  critical error shuts down                                  TestInboxTableDroppedWhileRunningEndsRun, TestRegistrationAfterRunEndsIt
//	  terminate from within                                      TestDrain, TestDrainTimeout
//	  crash in the midst leaves it in progress for ever (hole)   TestKilledAtEachPoint
//
//	Chimeway's deliveries
//	  success is one attempt, performing twice is one attempt    TestSuccessIsOneAttempt
//	  each terminal state short-circuits                         TestTerminalStatesShortCircuit
//	  transient first, recovers on the second: two attempts      TestRecoversAtTheSecondAttempt
//	  five attempts, exhausted, numbered 1 to 5                  TestAttemptsAreNumberedUntilTheLast
//	  every reason converges                                     TestSubscriptionAgainstAModel
//	  unknown result is recorded before the raise                TestPoison (a panic, with its stack), TestGoexitIsAFailure
//	  attempts recorded at the same time are contiguous          TestAttemptsAreNumberedUntilTheLast
//	  several at once, one winner                                TestTwoProcessesOneWinner
//	  stale claim; concurrent recovery is one hand-over          TestFrozenBeyondAckWait, TestRequeueTakesEffectOnce
//	  adapter that never answers                                 TestHandlerThatNeverReturns

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/testtable"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// twice publishes the same event again as another message, as after a window for deduplication that was too short.
func (w *world) twice(tb testing.TB, event contrail.Recorded) {
	tb.Helper()
	_, err := w.js.PublishMsg(tb.Context(), w.message(tb, event), jetstream.WithMsgID(event.ID.String()+"-again"))
	require.NoError(tb, err)
}

func TestSuccessIsOneAttempt(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool)})
	attempts := make(chan int, 9)
	register(sub, formTx, pool, func(_ context.Context, e contrail.Delivered[drafted]) error {
		attempts <- e.Delivery.Attempt
		return nil
	})
	event := w.publish(t, "invoice-1", drafted{})
	run(t, sub)
	w.settled(t)
	w.twice(t, event)
	w.settled(t)
	require.Equal(t, 1, receive(t, attempts))
	require.Empty(t, attempts)
	require.Equal(t, subscribers.Stats{Delivered: 2, Handled: 1, Duplicates: 1}, sub.Stats())
}

// Whether an event took effect, was skipped, refused or used up: when it comes once more its handler is not called.
func TestTerminalStatesShortCircuit(t *testing.T) {
	t.Parallel()
	for name, verdict := range map[string]error{
		"in effect": nil, "skipped": contrail.Skip("not ours"), "refused": contrail.Permanent(errBroken), "used up": errBroken,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			event := w.publish(t, "invoice-1", drafted{N: 1})
			deliver := func(verdict error) (subscribers.Stats, int) {
				sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool), MaxDeliver: 2})
				var handled calls
				register(sub, formTx, pool, func(_ context.Context, e contrail.Delivered[drafted]) error {
					handled.add(e.Data.N)
					return verdict
				})
				stop := run(t, sub)
				w.settled(t)
				stop()
				return sub.Stats(), handled.of(1)
			}
			_, first := deliver(verdict)
			require.NotZero(t, first)
			before, letters := applied(t, pool), len(w.deadLetters(t))
			w.twice(t, event)
			stats, again := deliver(nil)
			require.Zero(t, again)
			require.Equal(t, subscribers.Stats{Delivered: 1, Duplicates: 1}, stats)
			require.Equal(t, before, applied(t, pool))
			require.Len(t, w.deadLetters(t), letters)
		})
	}
}

func TestRecoversAtTheSecondAttempt(t *testing.T) {
	t.Parallel()
	for _, form := range []string{formPlain, formTx, formSQL} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			sub := w.subscribe(t, subscribers.Config{Inbox: inboxOf(t, pool, form), MaxDeliver: 5})
			attempts := make(chan int, 9)
			register(sub, form, pool, func(_ context.Context, e contrail.Delivered[drafted]) error {
				attempts <- e.Delivery.Attempt
				if e.Delivery.Attempt == 1 {
					return errBroken
				}
				return nil
			})
			w.publish(t, "invoice-1", drafted{})
			run(t, sub)
			w.settled(t)
			require.Equal(t, [2]int{1, 2}, [2]int{receive(t, attempts), receive(t, attempts)})
			require.Empty(t, attempts)
			require.Equal(t, once(1), applied(t, pool))
			require.Empty(t, w.deadLetters(t))
			require.Equal(t, subscribers.Stats{Delivered: 2, Handled: 1, Retried: 1}, sub.Stats())
		})
	}
}

// Every attempt has the next number, whatever it ends in, up to the last one.
func TestAttemptsAreNumberedUntilTheLast(t *testing.T) {
	t.Parallel()
	const maxDeliver, streams = 5, 6
	w := newWorld(t)
	sub := w.subscribe(t, subscribers.Config{MaxDeliver: maxDeliver})
	attempts := make(chan [2]int, streams*maxDeliver+1)
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		attempts <- [2]int{e.Data.N, e.Delivery.Attempt}
		switch (e.Data.N + e.Delivery.Attempt) % 3 {
		case 0:
			panic("no paper")
		case 1:
			return contrail.RetryAfter(time.Millisecond, errBroken)
		}
		return errBroken
	})
	w.publishMany(t, streams, streams)
	run(t, sub)
	w.settled(t)
	last := map[int]int{}
	for range streams * maxDeliver {
		attempt := receive(t, attempts)
		require.Equal(t, last[attempt[0]]+1, attempt[1])
		last[attempt[0]] = attempt[1]
	}
	require.Empty(t, attempts)
	for _, letter := range w.awaitLetters(t, streams) {
		require.Equal(t, [2]any{subscribers.ReasonExhausted, maxDeliver}, [2]any{letter.Reason, letter.Deliveries})
	}
}

// A failure before the last attempt is nothing final: there is no effect, no row, no dead letter, and the broker has the event.
func TestFailureLeavesTheEventPending(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	sub := w.subscribe(t, subscribers.Config{
		Inbox: subscribers.NewInbox(pool), Backoff: subscribers.Backoff{Min: time.Hour, Max: time.Hour},
	})
	register(sub, formTx, pool, func(context.Context, contrail.Delivered[drafted]) error { return errBroken })
	w.publish(t, "invoice-1", drafted{})
	run(t, sub)
	eventually(t, func() bool { return sub.Stats().Retried == 1 })
	consumer, err := w.js.Consumer(t.Context(), wire.DefaultStream, "test")
	require.NoError(t, err)
	require.Equal(t, 1, consumer.CachedInfo().NumAckPending)
	require.Empty(t, applied(t, pool))
	require.Empty(t, w.deadLetters(t))
	var rows int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM contrail.inbox`).Scan(&rows))
	require.Zero(t, rows)
}

func TestDeadEventsAreNotDeliveredAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publishMany(t, 6, 6)
	for round, want := range []subscribers.Stats{{Delivered: 6, Handled: 4, DeadLettered: 2}, {}} {
		sub := w.subscribe(t, subscribers.Config{MaxDeliver: 1})
		subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
			switch e.Data.N {
			case 1:
				return errBroken
			case 2:
				return contrail.Permanent(errBroken)
			}
			return nil
		})
		stop := run(t, sub)
		w.settled(t)
		w.pulled(t)
		stop()
		require.Equal(t, want, sub.Stats(), "round %d", round)
		require.Len(t, w.deadLetters(t), 2)
	}
}

// pulled waits until the consumer "test" is asked for events.
func (w *world) pulled(tb testing.TB) {
	tb.Helper()
	eventually(tb, func() bool {
		consumer, err := w.js.Consumer(tb.Context(), wire.DefaultStream, "test")
		return err == nil && consumer.CachedInfo().NumWaiting > 0
	})
}

func TestNothingToHandle(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool)})
	subscribers.HandleTx(sub, func(context.Context, pgx.Tx, contrail.Delivered[drafted]) error { return errBroken })
	stop := run(t, sub)
	w.pulled(t)
	stop()
	require.Equal(t, subscribers.Stats{}, sub.Stats())
	require.Empty(t, w.deadLetters(t))
}

func TestRunWithACtxThatHasEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(t, "invoice-1", drafted{})
	sub := w.subscribe(t, subscribers.Config{})
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, sub.Run(ctx))
	require.Zero(t, sub.Stats().Handled)
	run(t, sub)
	w.settled(t)
	require.Equal(t, int64(1), sub.Stats().Handled, "it may be run again")
}

// All of a batch fail at first, and each of them recovers.
func TestWholeBatchFails(t *testing.T) {
	t.Parallel()
	const count = 40
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	w.publishMany(t, count, 8)
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool), MaxDeliver: 2, Concurrency: 1})
	register(sub, formTx, pool, func(_ context.Context, e contrail.Delivered[drafted]) error {
		if e.Delivery.Attempt == 1 {
			return errBroken
		}
		return nil
	})
	run(t, sub)
	w.settled(t)
	events, times := effects(t, pool)
	require.Equal(t, [2]int{count, count}, [2]int{events, times})
	require.Equal(t, subscribers.Stats{Delivered: 2 * count, Handled: count, Retried: count}, sub.Stats())
	require.Empty(t, w.deadLetters(t))
}

// The later events of a stream wait while an earlier one is tried again, and go on when it has become a dead letter.
func TestStreamWaitsForARetryAndGoesOnAfterADeadLetter(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		verdict error
		want    []int
	}{
		"transient": {errBroken, []int{0, 1, 1, 1, 2, 3}},
		"permanent": {contrail.Permanent(errBroken), []int{0, 1, 2, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.publishMany(t, 4, 1)
			sub := w.subscribe(t, subscribers.Config{MaxDeliver: 3})
			handled := make(chan int, 99)
			subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
				handled <- e.Data.N
				if e.Data.N == 1 {
					return test.verdict
				}
				return nil
			})
			run(t, sub)
			for _, n := range test.want {
				require.Equal(t, n, receive(t, handled))
			}
			w.settled(t)
			require.Empty(t, handled)
			require.Len(t, w.deadLetters(t), 1)
		})
	}
}

// The table above names tests that there are.
func TestTableOfSystems(t *testing.T) {
	t.Parallel()
	testtable.Check(t)
}

// While nothing succeeds the counts go on, and so does the work.
func TestStatsWhileEverythingFails(t *testing.T) {
	t.Parallel()
	const count, maxDeliver = 20, 3
	w, logged := newWorld(t), newLog()
	sub := w.subscribe(t, subscribers.Config{MaxDeliver: maxDeliver, Logger: logged.logger()})
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error { return errBroken })
	run(t, sub)
	for round := int64(1); round <= 2; round++ {
		w.publishMany(t, count, 4)
		w.settled(t)
		require.Equal(t, subscribers.Stats{
			Delivered: round * count * maxDeliver, Retried: round * count * (maxDeliver - 1), DeadLettered: round * count,
		}, sub.Stats())
	}
	logged.await(t, "an event failed and is tried again")
	logged.await(t, "an event became a dead letter")
}
