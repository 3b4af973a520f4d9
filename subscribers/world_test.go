package subscribers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

const (
	patience = time.Minute
	source   = "/contrail/test/01920000-0000-7000-8000-000000000001"
)

type drafted struct {
	N int `json:"n"`
}

func (drafted) EventType() string { return "InvoiceDrafted" }

type issued struct {
	N int `json:"n"`
}

func (issued) EventType() string { return "InvoiceIssued" }

// world is a broker with the stream that a relay would have made.
type world struct {
	js       jetstream.JetStream
	server   *localstack.NATS
	format   wire.Format
	template string // of the subjects
	position contrail.Position
	versions map[string]int64
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	js, server := natstest.JetStream(tb)
	w := &world{js: js, server: server, versions: map[string]int64{}}
	w.createStream(tb)
	return w
}

func (w *world) createStream(tb testing.TB) {
	tb.Helper()
	// A server that is still clearing away a stream of the same name refuses for a moment.
	require.Eventually(tb, func() bool {
		_, err := w.js.CreateStream(tb.Context(), jetstream.StreamConfig{Name: wire.DefaultStream, Subjects: []string{"events.>"}})
		return err == nil
	}, patience, 10*time.Millisecond)
}

// event makes the next event of a stream.
func (w *world) event(stream string, payload contrail.Payload) contrail.Recorded {
	id, err := contrail.ParseStreamID(stream)
	if err != nil {
		panic(err)
	}
	data, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	w.position++
	w.versions[stream]++
	return contrail.Recorded{
		Position: w.position, ID: uuid.New(), Stream: id, Version: w.versions[stream], Type: payload.EventType(), Data: data,
		Metadata: contrail.Metadata{}, RecordedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
}

// message is what a relay would publish.
func (w *world) message(tb testing.TB, event contrail.Recorded) *nats.Msg {
	tb.Helper()
	subjects, err := wire.ParseSubjects(wire.DefaultPrefix, w.template)
	require.NoError(tb, err)
	subject, err := subjects.Of(event)
	require.NoError(tb, err)
	msg := &nats.Msg{Subject: subject, Header: nats.Header{}}
	if w.format == wire.Binary {
		msg.Data = event.Data
		wire.BinaryHeader(msg.Header, source, event)
	} else {
		msg.Data = wire.Append(nil, source, event)
		msg.Header.Set(wire.HeaderContentType, wire.ContentType)
	}
	return msg
}

func (w *world) send(tb testing.TB, event contrail.Recorded) {
	tb.Helper()
	_, err := w.js.PublishMsg(tb.Context(), w.message(tb, event), jetstream.WithMsgID(event.ID.String()))
	require.NoError(tb, err)
}

// resend publishes an event out of its order.
func (w *world) resend(tb testing.TB, event contrail.Recorded, resent string, after contrail.Position) {
	tb.Helper()
	msg := w.message(tb, event)
	wire.Mark(msg.Header, resent, after)
	_, err := w.js.PublishMsg(tb.Context(), msg)
	require.NoError(tb, err)
}

func (w *world) publish(tb testing.TB, stream string, payload contrail.Payload) contrail.Recorded {
	tb.Helper()
	event := w.event(stream, payload)
	w.send(tb, event)
	return event
}

// publishMany spreads count drafts over streams, evenly.
func (w *world) publishMany(tb testing.TB, count, streams int) {
	tb.Helper()
	var acks []jetstream.PubAckFuture
	for i := range count {
		event := w.event(fmt.Sprintf("invoice-%d", i%streams), drafted{N: i})
		ack, err := w.js.PublishMsgAsync(w.message(tb, event), jetstream.WithMsgID(event.ID.String()), jetstream.WithRetryAttempts(0)) // a retry comes out of order
		require.NoError(tb, err)
		acks = append(acks, ack)
	}
	select {
	case <-w.js.PublishAsyncComplete():
	case <-time.After(5 * time.Minute): // there may be a million
		require.Fail(tb, "the broker does not acknowledge")
	}
	for _, ack := range acks {
		select {
		case err := <-ack.Err():
			require.NoError(tb, err, "%s", ack.Msg().Subject)
		default:
		}
	}
}

func (w *world) subscribe(tb testing.TB, config subscribers.Config) *subscribers.Subscription {
	tb.Helper()
	if config.Durable == "" {
		config.Durable = "test"
	}
	if config.Backoff.Min == 0 && config.Backoff.Schedule == nil {
		config.Backoff = subscribers.Backoff{Min: 10 * time.Millisecond, Max: 40 * time.Millisecond}
	}
	sub, err := subscribers.New(w.js, config)
	require.NoError(tb, err)
	return sub
}

type runner interface {
	Run(ctx context.Context) error
}

// run runs it until the test ends, or stop is called, and then wants no error.
func run(tb testing.TB, what runner) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	ended := make(chan error, 1)
	go func() { ended <- what.Run(ctx) }()
	stopped := false
	stop = func() {
		tb.Helper()
		cancel()
		if stopped {
			return
		}
		stopped = true
		select {
		case err := <-ended:
			require.NoError(tb, err)
		case <-time.After(patience):
			require.Fail(tb, "Run does not return")
		}
	}
	tb.Cleanup(stop)
	return stop
}

// launch runs it until the test ends, or cancel is called, and tells how it ended.
func launch(tb testing.TB, what runner) (cancel func(), ended <-chan error) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	outcomes, over := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(over)
		outcomes <- what.Run(ctx)
	}()
	tb.Cleanup(func() {
		cancel()
		receive(tb, over)
	})
	return cancel, outcomes
}

func receive[T any](tb testing.TB, from <-chan T) T {
	tb.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(patience):
		require.FailNow(tb, "nothing comes")
		panic("unreachable")
	}
}

// settled waits until the consumer "test" was sent the stream's last message, and has nothing pending and nothing unacknowledged. Without
// the first, a consumer that is just being made counts as settled: the broker shows it before it has counted what is pending.
func (w *world) settled(tb testing.TB) {
	tb.Helper()
	stream, err := w.js.Stream(tb.Context(), wire.DefaultStream)
	require.NoError(tb, err)
	last := stream.CachedInfo().State.LastSeq
	eventually(tb, func() bool {
		consumer, err := w.js.Consumer(tb.Context(), wire.DefaultStream, "test")
		if err != nil {
			return false
		}
		info := consumer.CachedInfo()
		return info.Delivered.Stream >= last && info.NumPending == 0 && info.NumAckPending == 0
	})
}

// restart stops the broker, starts it again and waits until the connection is back.
func (w *world) restart(tb testing.TB) {
	tb.Helper()
	conn := w.js.Conn()
	before := conn.Stats().Reconnects
	require.NoError(tb, w.server.Restart())
	eventually(tb, func() bool { return conn.Stats().Reconnects > before && conn.IsConnected() })
}

func eventually(tb testing.TB, condition func() bool) {
	tb.Helper()
	require.Eventually(tb, condition, patience, 10*time.Millisecond)
}

// deadLetters reads all there are.
func (w *world) deadLetters(tb testing.TB) []subscribers.DeadLetter {
	tb.Helper()
	stream, err := w.js.Stream(tb.Context(), wire.DefaultDeadLetters)
	require.NoError(tb, err)
	info, err := stream.Info(tb.Context())
	require.NoError(tb, err)
	var letters []subscribers.DeadLetter
	for sequence := max(info.State.FirstSeq, 1); sequence <= info.State.LastSeq; sequence++ {
		msg, err := stream.GetMsg(tb.Context(), sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && !isLetter(msg.Subject) {
			continue
		}
		require.NoError(tb, err)
		letter, err := subscribers.ParseDeadLetter(msg.Header, msg.Data)
		require.NoError(tb, err)
		letters = append(letters, letter)
	}
	return letters
}

// isLetter tells a dead letter from what was requeued, and from the marks of trials.
func isLetter(subject string) bool {
	return strings.HasPrefix(subject, "deadletters.events.") || strings.HasPrefix(subject, "deadletters.foreign.")
}
