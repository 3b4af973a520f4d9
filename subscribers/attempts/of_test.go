package attempts_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/subscribers/attempts"
)

// tell writes an attempt as a subscription does.
func tell(tb testing.TB, js jetstream.JetStream, attempt attempts.Attempt) {
	tb.Helper()
	data, err := json.Marshal(attempt)
	require.NoError(tb, err)
	_, err = js.Publish(tb.Context(), attempt.Subject(), data, jetstream.WithMsgID(attempt.MessageID()))
	require.NoError(tb, err)
}

// newJournal is an empty journal.
func newJournal(tb testing.TB) jetstream.JetStream {
	tb.Helper()
	js, _ := natstest.JetStream(tb)
	_, err := js.CreateStream(tb.Context(), attempts.StreamConfig(jetstream.StreamConfig{Replicas: 1}))
	require.NoError(tb, err)
	return js
}

func TestOf(t *testing.T) {
	t.Parallel()
	js, event, other := newJournal(t), uuid.New(), uuid.New()
	began := time.Now().UTC().Round(0)
	first := attempts.Attempt{
		Event: event, Stream: "EVENTS", Durable: "summary", Position: 7, Sequence: 9, Delivery: 1, Verdict: attempts.Retried, Error: "not yet",
		Began: began, Seconds: 0.25, Process: "host:1",
	}
	second := first
	second.Durable, second.Began, second.Verdict, second.Error = "reminders", began.Add(time.Second), attempts.DeadLetter, "never"
	third := first
	third.Delivery, third.Began, third.Verdict, third.Error = 2, began.Add(2*time.Second), attempts.Handled, ""
	ofOther, ofOtherStream := first, first
	ofOther.Event, ofOtherStream.Stream = other, "ELSEWHERE"
	for _, one := range []attempts.Attempt{third, first, ofOther, second, ofOtherStream, first} {
		tell(t, js, one)
	}
	_, err := js.Publish(t.Context(), first.Subject(), []byte("something else"))
	require.NoError(t, err)

	found, err := attempts.Of(t.Context(), js, "EVENTS", event)
	require.NoError(t, err)
	require.Equal(t, []attempts.Attempt{first, second, third}, found, "in their order, and what is told twice is there once")
	found, err = attempts.Of(t.Context(), js, "ELSEWHERE", event)
	require.NoError(t, err)
	require.Equal(t, []attempts.Attempt{ofOtherStream}, found)
	found, err = attempts.Of(t.Context(), js, "EVENTS", uuid.New())
	require.NoError(t, err)
	require.Empty(t, found)
}

// Where nothing has ever failed there is no journal, and no attempt.
func TestOfWithoutAJournal(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	found, err := attempts.Of(t.Context(), js, "EVENTS", uuid.New())
	require.NoError(t, err)
	require.Empty(t, found)
	_, err = attempts.Of(t.Context(), js, "EVENTS.*", uuid.New())
	require.ErrorContains(t, err, "is not the name of a stream")
}

// An event that fails for ever does not fill the journal.
func TestJournalKeepsTheLastAttempts(t *testing.T) {
	t.Parallel()
	js, event := newJournal(t), uuid.New()
	for n := range 70 {
		tell(t, js, attempts.Attempt{Event: event, Stream: "EVENTS", Durable: "summary", Delivery: n + 1, Began: time.Unix(int64(n), 0).UTC()})
	}
	found, err := attempts.Of(t.Context(), js, "EVENTS", event)
	require.NoError(t, err)
	require.Len(t, found, 64)
	require.Equal(t, 70, found[63].Delivery)
}

// What is in the journal is read by other programs, too.
func TestAttemptAsJSON(t *testing.T) {
	t.Parallel()
	attempt := attempts.Attempt{
		Event: uuid.MustParse("0192f0c1-2d3e-7f4a-8b5c-6d7e8f901234"), Stream: "EVENTS", Durable: "summary", Position: 7, Sequence: 9, Delivery: 2, Verdict: attempts.DeadLetter,
		Reason: "exhausted", Error: "not yet", Began: time.Date(2026, 11, 21, 20, 15, 4, 0, time.UTC), Seconds: 0.25, Process: "host:1",
	}
	data, err := json.Marshal(attempt)
	require.NoError(t, err)
	require.JSONEq(t, `{"event":"0192f0c1-2d3e-7f4a-8b5c-6d7e8f901234","stream":"EVENTS","durable":"summary","position":7,"sequence":9,"delivery":2,"replays":0,
		"verdict":"dead_letter","reason":"exhausted","error":"not yet","began":"2026-11-21T20:15:04Z","seconds":0.25,"process":"host:1"}`, string(data))
	require.Equal(t, "contrail.attempts.EVENTS.summary.0192f0c1-2d3e-7f4a-8b5c-6d7e8f901234", attempt.Subject())
}
