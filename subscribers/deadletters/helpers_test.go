package deadletters_test

import (
	"encoding/json"
	"iter"
	"maps"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deadletters"
)

const (
	patience = 30 * time.Second
	source   = "/contrail/test/01920000-0000-7000-8000-000000000001"
)

// morning is when the letters of these tests failed, the first at eight.
func morning() time.Time { return time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC) }

// world is a broker with a stream of dead letters, as a subscription makes it.
type world struct {
	testing.TB

	js       jetstream.JetStream
	stream   jetstream.Stream
	position contrail.Position
}

func newWorld(t *testing.T) *world {
	t.Helper()
	js, _ := natstest.JetStream(t)
	return newWorldAt(t, js, func(*jetstream.StreamConfig) {})
}

func newWorldAt(t *testing.T, js jetstream.JetStream, change func(*jetstream.StreamConfig)) *world {
	t.Helper()
	config := jetstream.StreamConfig{Name: wire.DefaultDeadLetters, Subjects: []string{"deadletters.>"}, Duplicates: time.Hour, AllowDirect: true}
	change(&config)
	stream, err := js.CreateStream(t.Context(), config)
	require.NoError(t, err)
	return &world{TB: t, js: js, stream: stream}
}

// event is the next one of an invoice.
func (w *world) event() contrail.Recorded {
	w.position++
	return contrail.Recorded{
		Position: w.position, ID: uuid.New(), Stream: contrail.NewStreamID("invoice", "42"), Version: int64(w.position), Type: "InvoiceIssued",
		Data: json.RawMessage(`{"n":1}`), Metadata: contrail.Metadata{contrail.KeyTenantID: "t-1"}, RecordedAt: morning(),
	}
}

// letter is one of an event that a consumer could not handle.
func (w *world) letter(consumer string) subscribers.DeadLetter {
	return letterOf(w.event(), consumer)
}

func letterOf(event contrail.Recorded, consumer string) subscribers.DeadLetter {
	return subscribers.DeadLetter{
		Consumer: consumer, Reason: subscribers.ReasonExhausted, Error: "add to the total: division by zero", Deliveries: 8,
		ErrorChain:  []string{"add to the total: division by zero", "division by zero"},
		PublishedAt: morning(), FailedAt: morning().Add(time.Duration(event.Position) * time.Minute),
		Stream: "EVENTS", Subject: wire.Subject("events", event), Sequence: uint64(event.Position), MsgID: event.ID.String(),
		Header: nats.Header{wire.HeaderContentType: {wire.ContentType}}, Data: wire.Append(nil, source, event),
	}
}

// message is what a subscription publishes.
func message(letter subscribers.DeadLetter) *nats.Msg {
	msg := nats.NewMsg("deadletters.foreign." + letter.Consumer)
	if event, err := wire.DecodeMessage(letter.Header, letter.Data); err == nil {
		msg.Subject = "deadletters.events." + letter.Consumer + "." + event.Stream.Category() + "." + event.Type
	}
	maps.Copy(msg.Header, letter.Header)
	chain, err := json.Marshal(letter.ErrorChain)
	if err != nil {
		panic(err)
	}
	for name, value := range map[string]string{
		subscribers.HeaderConsumer: letter.Consumer, subscribers.HeaderReason: string(letter.Reason), subscribers.HeaderError: letter.Error,
		subscribers.HeaderErrorChain: string(chain), subscribers.HeaderDeliveries: strconv.Itoa(letter.Deliveries),
		subscribers.HeaderPublishedAt: letter.PublishedAt.Format(time.RFC3339Nano), subscribers.HeaderFailedAt: letter.FailedAt.Format(time.RFC3339Nano),
		subscribers.HeaderStream: letter.Stream, subscribers.HeaderSubject: letter.Subject,
		subscribers.HeaderSequence: strconv.FormatUint(letter.Sequence, 10), subscribers.HeaderMsgID: letter.MsgID,
		subscribers.HeaderCausationID: letter.CausationID,
	} {
		if value != "" {
			msg.Header.Set(name, value)
		}
	}
	if letter.Replays > 0 {
		msg.Header.Set(subscribers.HeaderReplays, strconv.Itoa(letter.Replays))
	}
	msg.Data = letter.Data
	return msg
}

// bury publishes a dead letter and returns its ID.
func (w *world) bury(letter subscribers.DeadLetter) uint64 {
	w.Helper()
	return w.send(message(letter))
}

func (w *world) send(msg *nats.Msg) uint64 {
	w.Helper()
	ack, err := w.js.PublishMsg(w.Context(), msg)
	require.NoError(w, err)
	return ack.Sequence
}

// listen makes the consumer by which a subscription gets what is requeued to it.
func (w *world) listen(consumer string) jetstream.Consumer {
	w.Helper()
	made, err := w.js.CreateConsumer(w.Context(), wire.DefaultDeadLetters, jetstream.ConsumerConfig{
		Durable: consumer, FilterSubject: subscribers.RequeueSubject(wire.DefaultDeadLetters, consumer), AckPolicy: jetstream.AckExplicitPolicy,
	})
	require.NoError(w, err)
	return made
}

func (w *world) list(filter deadletters.Filter) []deadletters.Letter {
	w.Helper()
	return collect(w, deadletters.List(w.Context(), w.js, filter))
}

// all are the letters in whatever state.
func (w *world) all() []deadletters.Letter {
	w.Helper()
	return w.list(deadletters.Filter{States: deadletters.States()})
}

func (w *world) requeue(which deadletters.Selection, options deadletters.Options) []deadletters.Outcome {
	w.Helper()
	return collect(w, deadletters.Requeue(w.Context(), w.js, which, options))
}

func (w *world) discard(which deadletters.Selection) []deadletters.Outcome {
	w.Helper()
	return collect(w, deadletters.Discard(w.Context(), w.js, which, ada()))
}

func ada() deadletters.Decision { return deadletters.Decision{By: "ada@ops", Because: "fixed in 1.2"} }

// collect wants all of it, without an error.
func collect[T any](tb testing.TB, from iter.Seq2[T, error]) (all []T) {
	tb.Helper()
	for one, err := range from {
		require.NoError(tb, err)
		all = append(all, one)
	}
	return all
}

// fault is the error that a sequence ends with.
func fault[T any](from iter.Seq2[T, error]) (err error) {
	for _, last := range from {
		err = last
	}
	return err
}

func ids(letters []deadletters.Letter) []uint64 {
	found := []uint64{}
	for _, letter := range letters {
		found = append(found, letter.ID)
	}
	return found
}

// texts are what the outcomes say, in order.
func texts(outcomes []deadletters.Outcome) (all []string) {
	for _, outcome := range outcomes {
		all = append(all, outcome.Text)
	}
	return all
}
