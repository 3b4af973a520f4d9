package deadletters_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deadletters"
)

// The payload goes; that it was there, and who has decided what, stays.
func TestDiscardKeepsARecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	letter := w.letter("summary")
	letter.Replays, letter.CausationID = 2, "summary/x/1"
	id := w.bury(letter)
	require.Equal(t, []deadletters.Outcome{{
		ID: id, Consumer: "summary", Result: deadletters.ResultDiscarded, Done: true, Sequence: id + 1, Text: "is discarded",
	}}, w.discard(deadletters.At("", id, id)))
	require.Equal(t, deadletters.ResultGone, w.discard(deadletters.At("", id))[0].Result)
	require.Equal(t, deadletters.ResultRefused, w.discard(deadletters.At("", id+1))[0].Result)

	left := w.all()
	require.Len(t, left, 1)
	require.Equal(t, deadletters.Discarded, left[0].State)
	require.Equal(t, ada(), left[0].Decision)
	require.Nil(t, left[0].Event)
	want := letter
	want.Data, want.Header, want.ErrorChain = []byte{}, nats.Header{}, nil
	require.Equal(t, want, left[0].DeadLetter)
}

func TestDiscardNeedsADecision(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.bury(w.letter("summary"))
	err := fault(deadletters.Discard(t.Context(), w.js, deadletters.At("", id), deadletters.Decision{Because: "\n"}))
	require.EqualError(t, err, "discard dead letters: deadletters.Decision: By is empty, must say who decides\n"+
		"deadletters.Decision: Because is empty, must say why the events shall not be handled")
	require.Len(t, w.list(deadletters.Filter{}), 1)
}

// What is older than a time is deleted for good. What is requeued stays until its consumer is done with it.
func TestPurge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 6 {
		w.bury(w.letter("summary"))
	}
	w.bury(w.letter("mailer"))
	purge := func(want int64, filter deadletters.Filter) {
		t.Helper()
		purged, err := deadletters.Purge(t.Context(), w.js, filter)
		require.NoError(t, err)
		require.Equal(t, want, purged)
	}
	purge(0, deadletters.Filter{Until: morning()})
	purge(1, deadletters.Filter{Until: morning().Add(150 * time.Second), Limit: 1})
	purge(1, deadletters.Filter{Until: morning().Add(150 * time.Second)})
	require.Equal(t, []uint64{3, 4, 5, 6, 7}, ids(w.all()))

	consumer := w.listen("summary")
	w.requeue(deadletters.At("", 3, 4, 7), deadletters.Options{})
	w.discard(deadletters.At("", 5))
	require.Equal(t, []uint64{6, 8, 9, 10, 11}, ids(w.all()))
	msg, err := consumer.Next()
	require.NoError(t, err)
	soon := time.Now().Add(time.Hour)
	over := deadletters.Filter{Until: soon, States: []deadletters.State{deadletters.Requeued, deadletters.Discarded}}
	purge(1, over) // what is discarded
	require.NoError(t, msg.DoubleAck(t.Context()))
	purge(1, over)
	purge(0, over)
	require.Equal(t, []uint64{6, 9, 10}, ids(w.all()))
	purge(0, deadletters.Filter{Until: soon, Consumer: "mailer"})
	purge(1, deadletters.Filter{Until: soon})
	require.Equal(t, []uint64{9, 10}, ids(w.all()))

	_, err = deadletters.Purge(t.Context(), w.js, deadletters.Filter{Limit: -1})
	require.ErrorContains(t, err, "purge dead letters: deadletters.Filter: Limit is -1, must not be negative\ndeadletters.Filter: Until is not set")
	_, err = deadletters.Purge(t.Context(), w.js, deadletters.Filter{Until: soon, Stream: "OTHER"})
	require.ErrorIs(t, err, deadletters.ErrNoStream)
}

// Whatever another program sends to the stream's subjects is listed, shown and discarded; nothing of it steers the broker, or goes to
// anybody as an event.
func TestHostileLetters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	spoilt := func(name, value string) *nats.Msg {
		msg := message(w.letter("summary"))
		msg.Header.Set(name, value)
		return msg
	}
	bare := nats.NewMsg("deadletters.events.summary.invoice.InvoiceIssued")
	bare.Data = []byte("\x1b[2Jhello\x00\xff")
	odd := nats.NewMsg("deadletters.elsewhere")
	odd.Header.Set(deadletters.HeaderDiscardedBy, "mallory")
	odd.Header.Set("Contrail-Own", "x")
	short := nats.NewMsg("deadletters.requeue.summary")
	for _, msg := range []*nats.Msg{
		bare, odd, spoilt(subscribers.HeaderConsumer, ">"), spoilt(subscribers.HeaderConsumer, "a.*"), spoilt(subscribers.HeaderDeliveries, "many"),
		spoilt(subscribers.HeaderErrorChain, "["), spoilt(subscribers.HeaderFailedAt, "today"), nats.NewMsg("deadletters.events.x"), short,
	} {
		w.send(msg)
	}
	letters := w.all()
	require.Len(t, letters, 9)
	for _, letter := range letters {
		require.True(t, letter.Malformed(), letter.ID)
		require.Contains(t, letter.Error, "not a dead letter: header Contrail-")
		text, err := letter.MarshalJSON()
		require.NoError(t, err)
		require.NotContains(t, string(text), "\x1b")
	}
	require.Equal(t, "summary", letters[0].Consumer)
	require.Equal(t, bare.Data, letters[0].Data)
	require.Empty(t, letters[1].Consumer)
	require.Equal(t, `not a dead letter: header Contrail-Consumer is ">", which is no consumer's name`, letters[2].Error)
	require.Equal(t, deadletters.Requeued, letters[8].State)
	require.Equal(t, []uint64{1}, ids(w.list(deadletters.Filter{Consumer: "summary", Category: "invoice", Type: "InvoiceIssued"}))[:1])

	for _, outcome := range w.requeue(deadletters.Matching(deadletters.Filter{}), deadletters.Options{}) {
		require.Equal(t, deadletters.ResultRefused, outcome.Result)
		require.Contains(t, outcome.Text, "; it can only be discarded")
	}
	outcomes := w.discard(deadletters.Matching(deadletters.Filter{Reasons: []subscribers.Reason{deadletters.ReasonMalformed}}))
	require.Len(t, outcomes, 8)
	for _, outcome := range outcomes {
		require.True(t, outcome.Done, outcome.Text)
	}
	require.Empty(t, w.list(deadletters.Filter{}))
	for _, letter := range w.list(deadletters.Filter{States: []deadletters.State{deadletters.Discarded}}) {
		require.True(t, letter.Malformed() || letter.Consumer == "summary", letter.Error)
		require.Equal(t, ada(), letter.Decision)
		require.Empty(t, letter.Data)
	}
	purged, err := deadletters.Purge(t.Context(), w.js, deadletters.Filter{States: deadletters.States(), Until: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	require.EqualValues(t, 8, purged)
}

// Headers that steer the broker are another's, and go nowhere.
func TestHeadersThatSteerTheBrokerAreLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	letter := w.letter("summary")
	msg := message(letter)
	msg.Header.Set("nats-rollup", "all") // in lower case the broker does not heed it, but stores it
	w.send(msg)
	w.bury(w.letter("summary"))
	for _, outcome := range append(w.requeue(deadletters.At("", 1), deadletters.Options{}), w.discard(deadletters.At("", 2))...) {
		require.True(t, outcome.Done)
	}
	for _, left := range w.all() {
		require.NotContains(t, left.Header, "nats-rollup")
	}
	require.Len(t, w.all(), 2)
}
