package subscribers_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// The event has aged out of its stream before anybody could fetch it: what is left to say is said.
func TestGivenUpEventThatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.prepare(t, oneTry())
	w.publish(t, "invoice-1", drafted{N: 1})
	w.fetch(t, wire.DefaultStream)
	w.awaitAdvisories(t, 1)
	stream, err := w.js.Stream(t.Context(), wire.DefaultStream)
	require.NoError(t, err)
	require.NoError(t, stream.DeleteMsg(t.Context(), 1))
	run(t, w.handling(t, oneTry()))

	letter := w.awaitLetters(t, 1)[0]
	require.Equal(t, subscribers.ReasonCrashed, letter.Reason)
	require.Equal(t, uint64(1), letter.Sequence)
	require.Equal(t, "unknown", letter.Subject)
	require.True(t, letter.PublishedAt.IsZero())
	require.Empty(t, letter.Data)
	require.Contains(t, letter.Error, "message 1 is not in stream EVENTS any more, so its payload is lost")
	letters, err := w.js.Stream(t.Context(), wire.DefaultDeadLetters)
	require.NoError(t, err)
	msg, err := letters.GetMsg(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, "deadletters.foreign.test", msg.Subject)
}

// The stream deletes an event that waits for its retry. The process that waits for it still has it.
func TestEventThatIsDeletedWhileItsRetryIsAwaited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event := w.awaitRetry(t)
	stream, err := w.js.Stream(t.Context(), wire.DefaultStream)
	require.NoError(t, err)
	require.NoError(t, stream.DeleteMsg(t.Context(), 1))
	letter := w.awaitLetters(t, 1)[0]
	require.Equal(t, subscribers.ReasonTerminated, letter.Reason)
	require.Contains(t, letter.Error, "Unacknowledged message was deleted")
	require.Equal(t, 1, numberIn(t, letter))
	require.Equal(t, event.ID.String(), letter.MsgID)
	require.Equal(t, "events.invoice.1.InvoiceDrafted", letter.Subject)
}

func TestEventThatAnotherClientTerminates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.prepare(t, subscribers.Config{})
	w.publish(t, "invoice-1", drafted{N: 1})
	require.NoError(t, w.fetch(t, wire.DefaultStream).TermWithReason("by hand"))
	run(t, w.handling(t, subscribers.Config{}))
	letter := w.awaitLetters(t, 1)[0]
	require.Equal(t, subscribers.ReasonTerminated, letter.Reason)
	require.Equal(t, 1, letter.Deliveries)
	require.Contains(t, letter.Error, `"by hand"`)
	require.Equal(t, 1, numberIn(t, letter))
}

// What the subscription terminates by itself has its dead letter already.
func TestOwnTerminationsAreIgnored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	logged := newLog()
	sub := w.subscribe(t, subscribers.Config{Logger: logged.logger()})
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error { return contrail.Permanent(errBroken) })
	run(t, sub)
	w.publish(t, "invoice-1", drafted{N: 1})
	w.heeded(t, 1)
	logged.never(t, "that the broker has given up")
	require.Equal(t, subscribers.ReasonPermanent, w.awaitLetters(t, 1)[0].Reason)
}

// An event that was requeued kills its process once more.
func TestRequeuedEventThatIsGivenUpAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.prepare(t, oneTry())
	event := w.publish(t, "invoice-1", drafted{N: 1})
	w.fetch(t, wire.DefaultStream)
	stop := run(t, w.handling(t, oneTry()))
	first := w.awaitLetters(t, 1)[0]
	w.heeded(t, 1)
	stop()

	_, err := w.js.PublishMsg(t.Context(), first.Requeue(wire.DefaultDeadLetters))
	require.NoError(t, err)
	stream, err := w.js.Stream(t.Context(), wire.DefaultDeadLetters)
	require.NoError(t, err)
	require.NoError(t, stream.DeleteMsg(t.Context(), 1))
	w.fetch(t, wire.DefaultDeadLetters)
	w.awaitAdvisories(t, 2)
	run(t, w.handling(t, oneTry()))
	w.awaitMessages(t, wire.DefaultDeadLetters, 2) // the requeued copy stays
	w.heeded(t, 2)
	letters := w.deadLetters(t)
	require.Len(t, letters, 1)
	second := letters[0]
	require.Equal(t, subscribers.ReasonCrashed, second.Reason)
	require.Equal(t, 1, second.Replays)
	require.Equal(t, first.ID(), second.CausationID)
	require.Equal(t, event.ID.String(), second.MsgID)
	require.Equal(t, [2]any{wire.DefaultStream, uint64(1)}, [2]any{second.Stream, second.Sequence})
	require.Equal(t, "events.invoice.1.InvoiceDrafted", second.Subject)
	require.Equal(t, first.Data, second.Data)
	require.NotEqual(t, first.ID(), second.ID())
}

// A handler takes so long, cut off from the broker, that its last delivery counts as unanswered. What it returns in the end decides.
func TestGivenUpEventThatIsStillBeingHandled(t *testing.T) {
	t.Parallel()
	for name, verdict := range map[string]error{"succeeds": nil, "fails": errBroken} {
		for form, config := range map[string]subscribers.Config{"Handle": {}, "HandleTx": {Inbox: subscribers.NewInbox(pgtest.New(t))}} {
			t.Run(form+" "+name, func(t *testing.T) {
				t.Parallel()
				w, cutOff := newRestrictedWorld(t, "$JS.ACK.EVENTS.test.>", "$JS.ACK.*.*.EVENTS.test.>")
				w.createForgetful(t)
				config.MaxDeliver, config.AckWait = 1, shortWait/2
				logged := newLog()
				config.Logger = logged.logger()
				sub := w.as(cutOff).subscribe(t, config)
				proceed := make(chan struct{})
				handle := func() error {
					<-proceed
					return verdict
				}
				if config.Inbox == nil {
					subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error { return handle() })
				} else {
					subscribers.HandleTx(sub, func(context.Context, pgx.Tx, contrail.Delivered[drafted]) error { return handle() })
				}
				run(t, sub)
				w.publish(t, "invoice-1", drafted{N: 1})
				logged.await(t, "it is still being handled here")
				close(proceed)
				w.heeded(t, 1)
				if verdict == nil {
					require.Empty(t, w.deadLetters(t))
					require.Equal(t, int64(1), sub.Stats().Handled)
					return
				}
				letters := w.deadLetters(t)
				require.Len(t, letters, 1)
				require.Equal(t, subscribers.ReasonExhausted, letters[0].Reason)
			})
		}
	}
}

// The dead letter is published, and the process ends before it can tell the broker, which then gives the event up.
func TestKilledBetweenDeadLetterAndTerm(t *testing.T) {
	t.Parallel()
	for name, forgetful := range map[string]bool{"a moment ago": false, "longer ago than the broker remembers": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, cutOff := newRestrictedWorld(t, "$JS.ACK.>")
			if forgetful {
				w.createForgetful(t)
			}
			sub := w.as(cutOff).subscribe(t, oneTry())
			subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error { return errBroken })
			stop := run(t, sub)
			w.publish(t, "invoice-1", drafted{N: 1})
			w.awaitLetters(t, 1)
			stop()
			w.awaitAdvisories(t, 1)
			run(t, w.handling(t, oneTry()))
			w.heeded(t, 1)
			letters := w.deadLetters(t)
			require.Len(t, letters, 1)
			require.Equal(t, subscribers.ReasonExhausted, letters[0].Reason)
		})
	}
}

// A dead letter was requeued or discarded. What was given up at that time needs no other one, what was given up anew does.
func TestGivenUpEventWhoseLetterIsDecided(t *testing.T) {
	t.Parallel()
	requeued := func(letter subscribers.DeadLetter) *nats.Msg { return letter.Requeue(wire.DefaultDeadLetters) }
	for name, given := range map[string]struct {
		decide func(subscribers.DeadLetter) *nats.Msg
		ago    time.Duration
		want   int // dead letters in the end
	}{
		"requeued now":        {requeued, 0, 0},
		"requeued long ago":   {requeued, time.Hour, 1},
		"discarded now":       {discarded, 0, 0},
		"discarded long ago":  {discarded, time.Hour, 1},
		"replayed, no matter": {replayed, 0, 1},
		"of another, no matter": {func(letter subscribers.DeadLetter) *nats.Msg {
			letter.Sequence++
			return discarded(letter)
		}, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.createForgetful(t)
			w.prepare(t, oneTry())
			event := w.publish(t, "invoice-1", drafted{N: 1})
			msg := w.fetch(t, wire.DefaultStream)
			meta, err := msg.Metadata()
			require.NoError(t, err)
			w.awaitAdvisories(t, 1)
			_, err = w.js.PublishMsg(t.Context(), given.decide(subscribers.DeadLetter{
				Consumer: "test", Reason: subscribers.ReasonExhausted, Error: "it failed", Deliveries: 1,
				PublishedAt: meta.Timestamp, FailedAt: time.Now().Add(-given.ago), Stream: wire.DefaultStream, Subject: msg.Subject(),
				Sequence: 1, MsgID: event.ID.String(), Header: msg.Headers(), Data: msg.Data(),
			}))
			require.NoError(t, err)
			run(t, w.handling(t, oneTry()))
			w.heeded(t, 1)
			stream, err := w.js.Stream(t.Context(), wire.DefaultDeadLetters)
			require.NoError(t, err)
			info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter("deadletters.events.>"))
			require.NoError(t, err)
			require.Len(t, info.State.Subjects, given.want)
		})
	}
}

// discarded is what remains of a letter when it is discarded: the headers that tell of it.
func discarded(letter subscribers.DeadLetter) *nats.Msg {
	msg := letter.Requeue(wire.DefaultDeadLetters)
	msg.Subject, msg.Data = "deadletters.discarded.test.invoice.InvoiceDrafted", nil
	msg.Header.Del(subscribers.HeaderReplays)
	msg.Header.Del(subscribers.HeaderCausationID)
	return msg
}

// replayed is an event of a range that is replayed.
func replayed(letter subscribers.DeadLetter) *nats.Msg {
	letter.Reason = subscribers.ReasonReplay
	return letter.Requeue(wire.DefaultDeadLetters)
}

// The advisory is answered, and the answer lost: it comes again, and changes nothing, whatever became of the dead letter meanwhile.
func TestAdvisoryThatComesAgain(t *testing.T) {
	t.Parallel()
	w, cutOff := newRestrictedWorld(t, "$JS.ACK.>")
	w.prepare(t, oneTry())
	w.publish(t, "invoice-1", drafted{N: 1})
	w.fetch(t, wire.DefaultStream)
	w.awaitAdvisories(t, 1)
	run(t, w.as(cutOff).handling(t, oneTry()))
	letter := w.awaitLetters(t, 1)[0]
	_, err := w.js.PublishMsg(t.Context(), discarded(letter))
	require.NoError(t, err)
	stream, err := w.js.Stream(t.Context(), wire.DefaultDeadLetters)
	require.NoError(t, err)
	require.NoError(t, stream.DeleteMsg(t.Context(), 1))

	consumer, err := w.js.Consumer(t.Context(), advisoryStream, "EVENTS_test")
	require.NoError(t, err)
	config := consumer.CachedInfo().Config
	config.AckWait = shortWait / 2 // it would come again in a minute
	_, err = w.js.UpdateConsumer(t.Context(), advisoryStream, config)
	require.NoError(t, err)
	eventually(t, func() bool {
		info, err := consumer.Info(t.Context())
		return err == nil && info.Delivered.Consumer >= 4
	})
	info, err := stream.Info(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(1), info.State.Msgs, "the record of the one that is discarded")
}

// An advisory that is about the past of a consumer, or of its stream, is none of today's.
func TestAdvisoryOfAFormerLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.handling(t, oneTry())
	run(t, sub)
	w.publish(t, "invoice-1", drafted{N: 1})
	w.settled(t)
	w.advise(t, exhausted(1, time.Now().Add(-time.Hour)))
	w.advise(t, exhausted(2, time.Now())) // not delivered yet
	w.heeded(t, 2)
	require.Empty(t, w.deadLetters(t))
}

// Anybody may publish where advisories come from.
func TestMalformedAdvisories(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.prepare(t, oneTry())
	w.publish(t, "invoice-1", drafted{N: 1})
	for _, spoil := range []func(map[string]any){
		func(m map[string]any) { m["type"] = "hello" },
		func(m map[string]any) { m["stream_seq"] = 0 },
		func(m map[string]any) { m["stream_seq"] = "one" },
		func(m map[string]any) { m["timestamp"] = "soon" },
		func(m map[string]any) { delete(m, "timestamp") },
		func(m map[string]any) { m["deliveries"] = -1 },
		func(m map[string]any) { m["consumer"] = "other" },
		func(m map[string]any) { m["stream"] = "OTHER" },
	} {
		content := exhausted(1, time.Now())
		spoil(content)
		w.advise(t, content)
	}
	require.NoError(t, w.js.Conn().Publish("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.EVENTS.test", []byte("hello")))
	w.fetch(t, wire.DefaultStream)
	logged := newLog()
	config := oneTry()
	config.Logger = logged.logger()
	run(t, w.handling(t, config))
	for range 9 {
		logged.await(t, "an advisory is ignored")
	}
	require.Equal(t, 1, numberIn(t, w.awaitLetters(t, 1)[0]))
	w.heeded(t, 10)
}

// An event became a dead letter, and the broker was restarted before it knew: it gives the event up as if nobody had looked at it. That is no reason for
// another chance, after which the event might take effect and be a dead letter, too.
func TestGivenUpEventThatIsADeadLetterGetsNoChance(t *testing.T) {
	t.Parallel()
	for name, restarted := range map[string]bool{"in the process that buried it": false, "in another one": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			var calls atomic.Int64
			failing := func() *subscribers.Subscription {
				sub := w.subscribe(t, subscribers.Config{MaxDeliver: 2, Inbox: subscribers.NewInbox(pool)})
				subscribers.HandleTx(sub, func(context.Context, pgx.Tx, contrail.Delivered[drafted]) error {
					calls.Add(1)
					return errBroken
				})
				return sub
			}
			stop := run(t, failing())
			w.publish(t, "invoice-1", drafted{N: 1})
			w.awaitLetters(t, 1)
			if restarted {
				stop()
				run(t, failing())
			}
			w.settled(t)
			before := calls.Load()
			w.advise(t, exhausted(1, time.Now()))
			w.heeded(t, 1)
			stream, err := w.js.Stream(t.Context(), wire.DefaultDeadLetters)
			require.NoError(t, err)
			info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter(">"))
			require.NoError(t, err)
			require.Len(t, info.State.Subjects, 1, "the dead letter alone")
			require.Equal(t, before, calls.Load())
		})
	}
}
