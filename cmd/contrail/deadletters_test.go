package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deadletters"
)

// The flags take every state and every reason there is, and each reason is explained.
func TestDeadLettersFlagsKnowAll(t *testing.T) {
	t.Parallel()
	var states, reasons []string
	for _, state := range deadletters.States() {
		states = append(states, string(state))
	}
	for _, reason := range deadletters.Reasons() {
		reasons = append(reasons, string(reason))
		require.NotEqual(t, deadletters.Meaning("another"), deadletters.Meaning(reason))
	}
	tag := func(of reflect.Type, name string) string {
		field, _ := of.FieldByName(name)
		return field.Tag.Get("enum")
	}
	require.Equal(t, strings.Join(reasons, ","), tag(reflect.TypeFor[deadLettersFilter](), "Reason"))
	require.Equal(t, strings.Join(states, ","), tag(reflect.TypeFor[deadLettersListVerb](), "State"))
	require.Equal(t, strings.Join(states, ","), tag(reflect.TypeFor[deadLettersPurgeVerb](), "State"))
}

func TestDeadLettersRate(t *testing.T) {
	t.Parallel()
	for flag, want := range map[float64]float64{0: deadletters.Unlimited, 0.5: 0.5, 100: 100} {
		options, err := (&deadLettersRequeueVerb{Rate: flag, MaxReplays: 7}).options()
		require.NoError(t, err)
		require.Equal(t, []any{want, 7}, []any{options.Rate, options.MaxReplays})
	}
	_, err := (&deadLettersRequeueVerb{Rate: 1e-9, MaxReplays: 7}).options()
	require.EqualError(t, err, "--rate is 1e-09, must be a number of letters a second")
}

// slowAnswer is typed by somebody who takes his time, in which something happens.
type slowAnswer struct {
	meanwhile func()
	answer    io.Reader
}

func (s slowAnswer) Read(into []byte) (int, error) {
	s.meanwhile()
	return s.answer.Read(into)
}

// What comes after the question is not meant by the answer.
func TestDeadLettersAreThoseThatWereAskedAbout(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "DEADLETTERS", Subjects: []string{"deadletters.>"}})
	require.NoError(t, err)
	bury := func() {
		_, err := js.PublishMsg(t.Context(), buriedLetter{Consumer: "summary", Reason: "exhausted"}.message("deadletters"))
		require.NoError(t, err)
	}
	bury()
	var told bytes.Buffer
	change := deadLettersChange{word: "requeue", asks: "handled again", answer: slowAnswer{bury, strings.NewReader("requeue\n")}}
	choice := deadLettersChoice{choiceFlags: choiceFlags{All: true}, deadLettersStream: deadLettersStream{DeadLetters: "DEADLETTERS"}}
	which, err := choice.selection(t.Context(), &app{verb: "dead-letters requeue", stderr: &told}, js, deadletters.Filter{}, change)
	require.NoError(t, err)
	require.Contains(t, told.String(), "1 dead letter of 1 consumer")
	var requeued []uint64
	for outcome, err := range deadletters.Requeue(t.Context(), js, which, deadletters.Options{}) {
		require.NoError(t, err)
		requeued = append(requeued, outcome.ID)
	}
	require.Equal(t, []uint64{1}, requeued)
}

// buriedLetter is a line of the file from which a script makes dead letters.
type buriedLetter struct {
	Consumer, Reason, Error, Stack string
	Chain                          []string
	Deliveries, Replays            int
	Header                         map[string]string
	Stream, Type, Data             string // of the event
	Position                       int64
	Payload                        string // of what is none
	Subject                        string // of what is no dead letter
}

// changeLetters is what the subscriptions do of which the verb looks after the dead letters: letters bury FILE [STREAM], letters listen CONSUMER,
// letters handle CONSUMER N.
func changeLetters(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	withJetStream(ts, func(js jetstream.JetStream) error {
		switch args[0] {
		case "bury":
			stream := append(args, wire.DefaultDeadLetters)[2]
			_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: stream, Subjects: []string{subscribers.DeadLetterPrefix(stream) + ".>"}})
			if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
				return err
			}
			for line := range strings.Lines(ts.ReadFile(args[1])) {
				var letter buriedLetter
				ts.Check(json.Unmarshal([]byte(line), &letter))
				_, err := js.PublishMsg(ctx, letter.message(subscribers.DeadLetterPrefix(stream)))
				ts.Check(err)
			}
			return nil
		case "listen":
			_, err := js.CreateConsumer(ctx, wire.DefaultDeadLetters, jetstream.ConsumerConfig{
				Durable: args[1], AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: subscribers.RequeueSubject(wire.DefaultDeadLetters, args[1]),
			})
			return err
		case "handle":
			consumer, err := js.Consumer(ctx, wire.DefaultDeadLetters, args[1])
			ts.Check(err)
			count, err := strconv.Atoi(args[2])
			ts.Check(err)
			for range count {
				msg, err := consumer.Next(jetstream.FetchMaxWait(30 * time.Second))
				ts.Check(err)
				ts.Check(msg.DoubleAck(ctx))
			}
			return nil
		}
		ts.Fatalf("no such change: %s", args[0])
		return nil
	})
}

// message is what a subscription would publish.
func (l buriedLetter) message(prefix string) *nats.Msg {
	if l.Subject != "" {
		return &nats.Msg{Subject: l.Subject, Data: []byte(l.Payload)}
	}
	morning := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	msg := nats.NewMsg(prefix + ".foreign." + l.Consumer)
	msg.Data = []byte(l.Payload)
	set := func(name string, value any) {
		text, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		msg.Header.Set(name, strings.Trim(string(text), `"`))
	}
	for name, value := range l.Header {
		msg.Header.Set(name, value)
	}
	msg.Header.Set(subscribers.HeaderError, l.Error)
	set(subscribers.HeaderConsumer, l.Consumer)
	set(subscribers.HeaderReason, l.Reason)
	set(subscribers.HeaderDeliveries, l.Deliveries)
	set(subscribers.HeaderPublishedAt, morning)
	set(subscribers.HeaderFailedAt, morning.Add(time.Duration(l.Position)*time.Minute))
	set(subscribers.HeaderStream, wire.DefaultStream)
	set(subscribers.HeaderSequence, l.Position)
	set(subscribers.HeaderSubject, "events.foreign")
	if l.Replays > 0 {
		set(subscribers.HeaderReplays, l.Replays)
		set(subscribers.HeaderCausationID, "summary/x")
	}
	if l.Chain != nil {
		set(subscribers.HeaderErrorChain, l.Chain)
	}
	if l.Stack != "" {
		set(subscribers.HeaderStack, l.Stack)
		msg.Header.Set(subscribers.HeaderStack, `"`+msg.Header.Get(subscribers.HeaderStack)+`"`)
	}
	if l.Type != "" {
		stream, err := contrail.ParseStreamID(l.Stream)
		if err != nil {
			panic(err)
		}
		event := contrail.Recorded{
			Position: contrail.Position(l.Position), ID: uuid.MustParse("01940000-0000-7000-8000-00000000000" + strconv.FormatInt(l.Position, 10)),
			Stream: stream, Version: l.Position, Type: l.Type, Data: json.RawMessage(l.Data), Metadata: contrail.Metadata{"tenant_id": "t-1"}, RecordedAt: morning,
		}
		msg.Subject = prefix + ".events." + l.Consumer + "." + stream.Category() + "." + l.Type
		msg.Data = wire.Append(nil, "/contrail/01920000-0000-7000-8000-000000000001", event)
		set(subscribers.HeaderSubject, wire.Subject(wire.DefaultPrefix, event))
		set(subscribers.HeaderMsgID, event.ID)
	}
	return msg
}
