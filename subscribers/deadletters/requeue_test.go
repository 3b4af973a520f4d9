package deadletters_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deadletters"
)

// The event itself is gone from its stream: the dead letter carries it.
func TestRequeueAfterTheEventHasAgedOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	events, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}})
	require.NoError(t, err)
	event := w.event()
	published := &nats.Msg{Subject: wire.Subject("events", event), Data: wire.Append(nil, source, event)}
	sequence := w.send(published)
	letter := letterOf(event, "summary")
	letter.Sequence = sequence
	id := w.bury(letter)
	require.NoError(t, events.Purge(t.Context()))
	consumer, other := w.listen("summary"), w.listen("mailer")

	outcomes := w.requeue(deadletters.At("", id), deadletters.Options{Decision: deadletters.Decision{By: "ada@ops", Because: "a\nnew release"}})
	require.Equal(t, []deadletters.Outcome{{
		ID: id, Consumer: "summary", Result: deadletters.ResultRequeued, Done: true, Sequence: id + 1, Text: "is requeued to summary",
	}}, outcomes)
	msg, err := consumer.Next(jetstream.FetchMaxWait(patience))
	require.NoError(t, err)
	got, err := wire.DecodeMessage(msg.Headers(), msg.Data())
	require.NoError(t, err)
	require.Equal(t, event, got.Recorded)
	require.Equal(t, "1", msg.Headers().Get(subscribers.HeaderReplays))
	require.Equal(t, "summary/"+event.ID.String(), msg.Headers().Get(subscribers.HeaderCausationID))
	require.Equal(t, "ada@ops", msg.Headers().Get(deadletters.HeaderRequeuedBy))
	require.Equal(t, "a new release", msg.Headers().Get(deadletters.HeaderRequeuedBecause))
	require.Equal(t, letter.Error, msg.Headers().Get(subscribers.HeaderError))
	info, err := other.Info(t.Context())
	require.NoError(t, err)
	require.Zero(t, info.NumPending)

	left := w.all()
	require.Equal(t, []uint64{id + 1}, ids(left))
	require.Equal(t, deadletters.Requeued, left[0].State)
	require.Equal(t, deadletters.Decision{By: "ada@ops", Because: "a new release"}, left[0].Decision)
	require.Equal(t, left[0].StoredAt, left[0].Since())
}

// The second time there is no letter any more, and no second copy.
func TestRequeueTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.bury(w.letter("summary"))
	seen := w.list(deadletters.Filter{})
	w.requeue(deadletters.At("", id), deadletters.Options{})
	for _, which := range []deadletters.Selection{deadletters.At("", id), deadletters.Seen(seen...)} {
		require.Equal(t, []deadletters.Outcome{{
			ID: id, Result: deadletters.ResultGone, Text: "is no letter of DEADLETTERS, or not any more",
		}}, w.requeue(which, deadletters.Options{}))
	}
	require.Empty(t, w.requeue(deadletters.Matching(deadletters.Filter{}), deadletters.Options{}))
	require.Empty(t, w.requeue(deadletters.Selection{}, deadletters.Options{}))
	outcomes := w.requeue(deadletters.At("", id+1), deadletters.Options{})
	require.Equal(t, "is requeued already", outcomes[0].Text)
	require.Equal(t, deadletters.ResultRefused, outcomes[0].Result)
	require.Len(t, w.all(), 1)
}

// A process has died between publishing the copy and deleting the letter. What the broker remembers of ids is not needed: here it forgets
// all of them.
func TestRequeueAfterACrashInBetween(t *testing.T) {
	t.Parallel()
	for name, window := range map[string]time.Duration{"while the broker remembers the id": time.Hour, "after that": 100 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			js, _ := natstest.JetStream(t)
			w := newWorldAt(t, js, func(config *jetstream.StreamConfig) { config.Duplicates = window })
			w.listen("summary")
			letter := w.letter("summary")
			id := w.bury(letter)
			another := w.bury(w.letter("summary"))
			copied := w.send(letter.Requeue(wire.DefaultDeadLetters))
			if window < time.Second {
				require.Eventually(t, func() bool { // the id is forgotten
					ack, err := w.js.Publish(t.Context(), "deadletters.requeue.other", nil, jetstream.WithMsgID("x"))
					require.NoError(t, err)
					return !ack.Duplicate && ack.Sequence > copied+1
				}, patience, 10*time.Millisecond)
			}
			outcomes := w.requeue(deadletters.Matching(deadletters.Filter{}), deadletters.Options{})
			require.Equal(t, deadletters.Outcome{
				ID: id, Consumer: "summary", Result: deadletters.ResultRequeued, Done: true, Sequence: copied, Text: "was requeued to summary already, as 3",
			}, outcomes[0])
			require.Equal(t, []string{"is requeued to summary"}, texts(outcomes[1:]))
			require.Equal(t, another, outcomes[1].ID)
			require.Empty(t, w.list(deadletters.Filter{}))
			require.Len(t, w.list(deadletters.Filter{Consumer: "summary", States: []deadletters.State{deadletters.Requeued}}), 2)
		})
	}
}

// Somebody else requeues the same letter after it was read and before it is published: the broker knows the id, and both have requeued it.
func TestRequeueByTwoAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.listen("summary")
	const letters = 30
	for range letters {
		w.bury(w.letter("summary"))
	}
	told := make(chan error, 2)
	for range 2 {
		go func() {
			var faults []error
			which := deadletters.Matching(deadletters.Filter{})
			for outcome, err := range deadletters.Requeue(t.Context(), w.js, which, deadletters.Options{Rate: deadletters.Unlimited}) {
				if !outcome.Done && outcome.Result != deadletters.ResultGone && err == nil {
					err = errors.New(outcome.Text)
				}
				faults = append(faults, err)
			}
			told <- errors.Join(faults...)
		}()
	}
	for range 2 {
		require.NoError(t, <-told)
	}
	left := w.all()
	require.Len(t, left, letters)
	for _, letter := range left {
		require.Equal(t, deadletters.Requeued, letter.State)
	}
}

// An event was requeued and handled; its consumer was reset, and the event has failed anew as on the first day: with the same id. Requeueing
// this one must not be taken for a second try of the first.
func TestRequeueOfTheSameEventOnceMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before, letter := w.bury(w.letter("summary")), w.letter("summary")
	w.requeue(deadletters.At("", w.bury(letter)), deadletters.Options{})
	again := w.bury(letter)
	outcomes := w.requeue(deadletters.At("", before, again), deadletters.Options{})
	require.Equal(t, []string{"is requeued to summary", "is requeued to summary"}, texts(outcomes))
	require.Greater(t, outcomes[1].Sequence, again)
	require.Len(t, w.list(deadletters.Filter{States: []deadletters.State{deadletters.Requeued}}), 3)
}

// An event that fails again and again does not go round for ever.
func TestRequeueIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	letter := w.letter("summary")
	fail := func(replays int) uint64 {
		letter.Replays = replays
		return w.bury(letter)
	}
	for replays := range deadletters.DefaultMaxReplays {
		outcomes := w.requeue(deadletters.At("", fail(replays)), deadletters.Options{})
		require.Equal(t, deadletters.ResultRequeued, outcomes[0].Result)
	}
	id := fail(deadletters.DefaultMaxReplays)
	outcomes := w.requeue(deadletters.At("", id), deadletters.Options{})
	require.Equal(t, []deadletters.Outcome{{
		ID: id, Consumer: "summary", Result: deadletters.ResultRefused,
		Text: "was requeued 5 times already, and failed each time; do away with the cause, and raise the bound",
	}}, outcomes)
	require.Equal(t, []uint64{id}, ids(w.list(deadletters.Filter{})))
	require.True(t, w.requeue(deadletters.At("", id), deadletters.Options{MaxReplays: 6})[0].Done)
	require.Equal(t, "was requeued once already, and failed each time; do away with the cause, and raise the bound",
		w.requeue(deadletters.At("", fail(1)), deadletters.Options{MaxReplays: 1})[0].Text)
	require.True(t, w.requeue(deadletters.At("", fail(1000)), deadletters.Options{MaxReplays: deadletters.Unlimited})[0].Done)
}

func TestRequeueKeepsToTheRate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const letters, rate = 11, 50
	for range letters {
		w.bury(w.letter("summary"))
	}
	begun := time.Now()
	require.Len(t, w.requeue(deadletters.Matching(deadletters.Filter{}), deadletters.Options{Rate: rate}), letters)
	require.GreaterOrEqual(t, time.Since(begun), (letters-1)*time.Second/rate)
}

// While it waits for its turn it ends with ctx, and what is told has happened.
func TestRequeueEndsWithContext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 3 {
		w.bury(w.letter("summary"))
	}
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	told := 0
	for outcome, err := range deadletters.Requeue(ctx, w.js, deadletters.Matching(deadletters.Filter{}), deadletters.Options{Rate: 0.001}) {
		if err != nil {
			require.ErrorIs(t, err, enough)
			require.EqualError(t, err, "requeue dead letters: enough")
			continue
		}
		require.True(t, outcome.Done)
		told++
		time.AfterFunc(20*time.Millisecond, func() { cancel(enough) })
	}
	require.Equal(t, 1, told)
	require.Len(t, w.list(deadletters.Filter{}), 2)
}

func TestRequeueWarnsWhereNobodyListens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.js.CreateConsumer(t.Context(), wire.DefaultDeadLetters, jetstream.ConsumerConfig{Durable: "mailer", FilterSubject: "deadletters.events.>"})
	require.NoError(t, err)
	w.listen("summary")
	w.bury(w.letter("gone"))
	w.bury(w.letter("mailer"))
	w.bury(w.letter("summary"))
	outcomes := w.requeue(deadletters.Matching(deadletters.Filter{}), deadletters.Options{})
	require.Equal(t, "no subscription gone listens on DEADLETTERS so far; it gets the event when it runs", outcomes[0].Warning)
	require.Equal(t, "no subscription mailer listens on DEADLETTERS so far; it gets the event when it runs", outcomes[1].Warning)
	require.Empty(t, outcomes[2].Warning)
	for _, outcome := range outcomes {
		require.True(t, outcome.Done)
	}
}

// Of a letter that has no room for more headers, those go that the event needs not; what the broker refuses keeps no other from going.
func TestRequeueNearTheSizeLimit(t *testing.T) {
	t.Parallel()
	ns := natstest.Start(t, func(options *server.Options) { options.MaxPayload = 8 << 10 })
	js, err := jetstream.New(natstest.Connect(t, ns.URL()))
	require.NoError(t, err)
	w := newWorldAt(t, js, func(*jetstream.StreamConfig) {})
	buryTo := func(size int, change func(*subscribers.DeadLetter)) uint64 {
		letter := w.letter("summary")
		change(&letter)
		letter.Data = nil
		msg := message(letter)
		letter.Data = []byte(strings.Repeat("x", size-(msg.Size()-len(msg.Subject)-len(msg.Reply))))
		return w.bury(letter)
	}
	const limit = 8<<10 - 40 // for the end of the line, and what the broker itself counts
	long := buryTo(limit, func(letter *subscribers.DeadLetter) { letter.Error = strings.Repeat("why? ", 100) })
	brief := buryTo(limit, func(letter *subscribers.DeadLetter) { letter.Error, letter.ErrorChain = "", nil })
	small := w.bury(w.letter("summary"))
	outcomes := w.requeue(deadletters.Matching(deadletters.Filter{}), deadletters.Options{Decision: ada()})
	require.Len(t, outcomes, 3)
	require.Equal(t, long, outcomes[0].ID)
	require.Equal(t, deadletters.ResultRequeued, outcomes[0].Result, outcomes[0].Text)
	require.Equal(t, brief, outcomes[1].ID)
	require.Equal(t, deadletters.ResultFailed, outcomes[1].Result)
	require.Equal(t, "could not be requeued: nats: maximum payload exceeded", outcomes[1].Text)
	require.Equal(t, small, outcomes[2].ID)
	require.True(t, outcomes[2].Done)
	require.Equal(t, []uint64{brief}, ids(w.list(deadletters.Filter{})))
}

// The stream refuses to delete: the copy is there, and what is told says so. Once it may, the letter goes, and there is no second copy.
func TestRequeueWhereNothingMayBeDeleted(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	w := newWorldAt(t, js, func(config *jetstream.StreamConfig) { config.DenyDelete = true })
	id := w.bury(w.letter("summary"))
	for range 2 {
		seen := false
		for outcome, err := range deadletters.Requeue(t.Context(), w.js, deadletters.At("", id), deadletters.Options{}) {
			if err == nil {
				require.Equal(t, deadletters.ResultFailed, outcome.Result)
				require.Equal(t, id+1, outcome.Sequence)
				require.Contains(t, outcome.Text, "is requeued, but stays a dead letter as well: delete letter 1 of DEADLETTERS: ")
				seen = true
			}
		}
		require.True(t, seen)
	}
	require.Equal(t, []uint64{id, id + 1}, ids(w.all()))
}

// Where the broker can't be reached, it ends with an error, and the letters stay.
func TestRequeueWithoutABroker(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.bury(w.letter("summary"))
	w.js.Conn().Close()
	err := fault(deadletters.Requeue(t.Context(), w.js, deadletters.At("", id), deadletters.Options{}))
	require.ErrorIs(t, err, nats.ErrConnectionClosed)
	require.ErrorContains(t, err, "requeue dead letters: ")
}

func TestRequeueNamesEveryFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	err := fault(deadletters.Requeue(t.Context(), w.js, deadletters.At("a b", 0), deadletters.Options{
		Decision: deadletters.Decision{By: "\xff", Because: strings.Repeat("x", deadletters.MaxDecisionBytes+1)}, Rate: 1e-9,
	}))
	for _, said := range []string{`Stream is "a b"`, "ID 0 is given", `By is "\xff"`, "Because has 1025 bytes", "Rate is 1e-09"} {
		require.ErrorContains(t, err, said)
	}
	err = fault(deadletters.Requeue(t.Context(), w.js, deadletters.Matching(deadletters.Filter{States: deadletters.States()}), deadletters.Options{}))
	require.ErrorContains(t, err, "States is [dead requeued discarded]; only dead letters can be decided about")
	one, other := deadletters.Letter{In: "A", ID: 1}, deadletters.Letter{In: "B", ID: 2}
	err = fault(deadletters.Requeue(t.Context(), w.js, deadletters.Seen(one, other), deadletters.Options{}))
	require.ErrorContains(t, err, "the letters are of several streams")
	err = fault(deadletters.Requeue(t.Context(), w.js, deadletters.At("OTHER", 1), deadletters.Options{}))
	require.ErrorIs(t, err, deadletters.ErrNoStream)
}

// A stream that was deleted and made anew has other letters with the same IDs.
func TestSeenLetsAnotherLetterAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bury(w.letter("summary"))
	seen := w.list(deadletters.Filter{})
	require.NoError(t, w.js.DeleteStream(t.Context(), wire.DefaultDeadLetters))
	w = newWorldAt(t, w.js, func(*jetstream.StreamConfig) {})
	w.bury(w.letter("summary"))
	for _, outcomes := range [][]deadletters.Outcome{
		w.requeue(deadletters.Seen(seen...), deadletters.Options{}), w.discard(deadletters.Seen(seen...)),
	} {
		require.Equal(t, []string{"is another one meanwhile: the stream was made anew"}, texts(outcomes))
	}
	require.True(t, w.requeue(deadletters.Seen(w.list(deadletters.Filter{})...), deadletters.Options{})[0].Done)
}
