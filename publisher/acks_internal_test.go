package publisher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/wire"
)

const long = 30 * time.Second

// sendTo begins a batch of n messages to whom answers in the broker's place, and sends it.
func sendTo(tb testing.TB, a *acks, n int) *answers {
	tb.Helper()
	w, err := a.begin(n)
	require.NoError(tb, err)
	for i := range n {
		require.NoError(tb, a.intact())
		require.NoError(tb, a.conn.PublishRequest("somebody", w.replyTo(i), nil))
	}
	w.sent(n)
	return w
}

// newTestAcks connects to a server, on which received are the messages to somebody.
func newTestAcks(tb testing.TB, limit time.Duration) (a *acks, received *nats.Subscription) {
	tb.Helper()
	conn := natstest.Connect(tb, natstest.Start(tb).URL())
	received, err := conn.SubscribeSync("somebody")
	require.NoError(tb, err)
	a = newAcks(conn, "EVENTS", limit)
	tb.Cleanup(a.close)
	return a, received
}

// received returns the next n messages.
func receive(tb testing.TB, from *nats.Subscription, n int) []*nats.Msg {
	tb.Helper()
	messages := make([]*nats.Msg, n)
	for i := range messages {
		msg, err := from.NextMsg(long)
		require.NoError(tb, err)
		messages[i] = msg
	}
	return messages
}

func acknowledge(tb testing.TB, msg *nats.Msg, sequence int) {
	tb.Helper()
	require.NoError(tb, msg.Respond(fmt.Appendf(nil, `{"stream":"EVENTS","seq":%d}`, sequence)))
}

func sequencesOf(tb testing.TB, got []outcome) []int {
	tb.Helper()
	sequences := make([]int, len(got))
	for i, one := range got {
		require.NoError(tb, one.err)
		sequences[i] = int(one.sequence)
	}
	return sequences
}

// Acknowledgements may come in any order, of messages and of batches.
func TestAcksOutOfTurn(t *testing.T) {
	t.Parallel()
	a, received := newTestAcks(t, long)
	first, second := sendTo(t, a, 3), sendTo(t, a, 2)
	messages := receive(t, received, 5)
	for i := range messages {
		acknowledge(t, messages[4-i], 5-i)
	}
	require.Equal(t, []int{4, 5}, sequencesOf(t, second.wait(t.Context())))
	require.Equal(t, []int{1, 2, 3}, sequencesOf(t, first.wait(t.Context())))
}

// What comes twice, too late, or from nobody knows where decides nothing.
func TestAcksThatNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	a, received := newTestAcks(t, long)
	past := sendTo(t, a, 1)
	old := receive(t, received, 1)[0]
	acknowledge(t, old, 1)
	require.Equal(t, []int{1}, sequencesOf(t, past.wait(t.Context())))

	batch := sendTo(t, a, 2)
	messages := receive(t, received, 2)
	acknowledge(t, old, 7)
	for _, strange := range []string{"", "2", "2-", "-0", "2-x", "x-0", "2--1", "2-2", "99-0", "2-99999999999999999999"} {
		require.NoError(t, a.conn.Publish(a.inbox+"odd"+strange, nil))
		if strange != "" {
			acknowledge(t, &nats.Msg{Reply: a.inbox + strange, Sub: messages[0].Sub}, 8)
		}
	}
	acknowledge(t, messages[0], 2)
	acknowledge(t, messages[0], 9)
	acknowledge(t, messages[1], 3)
	require.Equal(t, []int{2, 3}, sequencesOf(t, batch.wait(t.Context())))
}

// Only when an answer is too late is its outcome unknown; what was answered is known all the same.
func TestAckThatNeverComes(t *testing.T) {
	t.Parallel()
	a, received := newTestAcks(t, 500*time.Millisecond)
	batch := sendTo(t, a, 3)
	messages := receive(t, received, 3)
	acknowledge(t, messages[0], 1)
	acknowledge(t, messages[2], 3)
	require.NoError(t, a.conn.Flush())
	began := time.Now()
	got := batch.wait(t.Context())
	require.GreaterOrEqual(t, time.Since(began), 500*time.Millisecond)
	require.Equal(t, []outcome{{sequence: 1}, {err: got[1].err}, {sequence: 3}}, got)
	require.EqualError(t, got[1].err, "no acknowledgement came within 500ms")
	require.Empty(t, a.waiting, "nothing is kept for it")
}

// Only what was sent is waited for.
func TestAcksOfABatchThatWasSentInPart(t *testing.T) {
	t.Parallel()
	a, received := newTestAcks(t, time.Hour)
	batch, err := a.begin(5)
	require.NoError(t, err)
	require.NoError(t, a.conn.PublishRequest("somebody", batch.replyTo(0), nil))
	acknowledge(t, receive(t, received, 1)[0], 1)
	batch.sent(1)
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	require.Equal(t, []int{1}, sequencesOf(t, batch.wait(ctx)))
	require.NoError(t, ctx.Err())
	require.Empty(t, sendTo(t, a, 0).wait(t.Context()))
}

// The subscription ends with the session, and so does all waiting.
func TestAcksOfASessionThatIsOver(t *testing.T) {
	t.Parallel()
	a, received := newTestAcks(t, long)
	batch := sendTo(t, a, 1)
	receive(t, received, 1)
	require.Equal(t, 2, a.conn.NumSubscriptions())
	a.close()
	require.Equal(t, 1, a.conn.NumSubscriptions())
	require.ErrorIs(t, batch.wait(t.Context())[0].err, errSessionOver)
	_, err := a.begin(1)
	require.ErrorIs(t, err, errSessionOver)
	a.close()
}

// newTestCarrier publishes to the server of js.
func newTestCarrier(tb testing.TB, js jetstream.JetStream, cfg Config) *jetStreamCarrier {
	tb.Helper()
	subjects, err := wire.ParseSubjects("events", "")
	require.NoError(tb, err)
	to := &stream{js: js, subjects: subjects}
	made, ok := to.carrier(&lead{config: cfg.withDefaults(), hook: func(string) {}}, cursor{}).(*jetStreamCarrier)
	require.True(tb, ok)
	tb.Cleanup(made.close)
	return made
}

func newTestBatch(n int) *batch {
	b := &batch{events: make([]contrail.Recorded, n)}
	for i := range b.events {
		b.events[i] = contrail.Recorded{
			Position: contrail.Position(i + 1), ID: uuid.New(), Stream: contrail.NewStreamID("test", "1"), Version: int64(i + 1), Type: "Counted",
			Data: json.RawMessage(`{}`),
		}
	}
	return b
}

// publish sends a batch and waits for its outcome, as the sink does.
func publish(tb testing.TB, c *jetStreamCarrier, b *batch) error {
	tb.Helper()
	settle, err := c.send(tb.Context(), b)
	unsettled := settle(tb.Context())
	if err == nil {
		err = unsettled
	}
	if err != nil {
		_, refused := errors.AsType[*RefusedError](err)
		require.False(tb, refused, "nobody is to blame: %v", err)
	}
	return err
}

func createTestStream(tb testing.TB, js jetstream.JetStream) (lastSequence func() uint64) {
	tb.Helper()
	created, err := js.CreateStream(tb.Context(), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>", "other"}})
	require.NoError(tb, err)
	return func() uint64 {
		info, err := created.Info(tb.Context())
		require.NoError(tb, err)
		return info.State.LastSeq
	}
}

// The connection is lost in the middle of a batch, and is back when the rest is due: what was on its way is given up at once, and the rest is not sent.
func TestNothingIsSentBehindALostConnection(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]bool{"back": false, "away": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			js, broker := natstest.JetStream(t)
			lastSequence := createTestStream(t, js)
			conn := js.Conn()
			before := conn.Stats().Reconnects
			reconnected := func() bool { return conn.Stats().Reconnects > before && conn.IsConnected() }
			c := newTestCarrier(t, js, Config{Fence: MsgID, AckTimeout: time.Hour}) // without a fence, whatever is sent is stored
			c.hook = func(string) {
				require.NoError(t, broker.Stop())
				require.Eventually(t, conn.IsReconnecting, long, time.Millisecond)
				if !away {
					require.NoError(t, broker.Restart())
					require.Eventually(t, reconnected, long, time.Millisecond)
				}
			}
			require.ErrorIs(t, publish(t, c, newTestBatch(20)), nats.ErrDisconnected)
			require.ErrorIs(t, publish(t, c, newTestBatch(1)), nats.ErrDisconnected, "the session is over")
			if away {
				require.NoError(t, broker.Restart())
				require.Eventually(t, reconnected, long, time.Millisecond)
			}
			require.NoError(t, conn.Flush())
			require.LessOrEqual(t, lastSequence(), uint64(10))
			next := newTestBatch(3)
			require.NoError(t, publish(t, newTestCarrier(t, js, Config{Fence: MsgID}), next), "the next session")
			require.Equal(t, lastSequence(), next.sequence)
		})
	}
}

// A connection that was lost and is back while nothing was on its way has lost nothing.
func TestIdleCarrierOutlastsAReconnect(t *testing.T) {
	t.Parallel()
	js, broker := natstest.JetStream(t)
	createTestStream(t, js)
	c := newTestCarrier(t, js, Config{})
	require.NoError(t, publish(t, c, newTestBatch(2)))
	before := js.Conn().Stats().Reconnects
	require.NoError(t, broker.Stop())
	require.NoError(t, broker.Restart())
	require.Eventually(t, func() bool { return js.Conn().Stats().Reconnects > before && js.Conn().IsConnected() }, long, time.Millisecond)
	b := newTestBatch(2)
	require.NoError(t, publish(t, c, b))
	require.EqualValues(t, 4, b.sequence)
}

// While the client reconnects nothing is given to it: it would keep that for later.
func TestIdleCarrierSendsNothingWhileItIsDisconnected(t *testing.T) {
	t.Parallel()
	js, broker := natstest.JetStream(t)
	createTestStream(t, js)
	c := newTestCarrier(t, js, Config{AckTimeout: time.Second})
	require.NoError(t, publish(t, c, newTestBatch(2)))
	sent := js.Conn().Stats().OutMsgs
	require.NoError(t, broker.Stop())
	require.Eventually(t, js.Conn().IsReconnecting, long, time.Millisecond)
	require.ErrorIs(t, publish(t, c, newTestBatch(2)), nats.ErrDisconnected)
	require.Equal(t, sent, js.Conn().Stats().OutMsgs)
	require.NoError(t, broker.Restart())
}

// The broker takes an event for one that it has, which does not stand where this one should.
func TestAckOfADuplicateOutOfItsPlace(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	createTestStream(t, js)
	first, second := newTestBatch(2), newTestBatch(1)
	c := newTestCarrier(t, js, Config{})
	require.NoError(t, publish(t, c, first))
	second.events[0].ID = first.events[0].ID
	err := publish(t, c, second)
	require.ErrorContains(t, err, "acknowledged as message 1 instead of 3")
	require.True(t, isFenced(err))
}

// What is on its way when the application closes its connection ends the relay.
func TestAcksOfAClosedConnection(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	createTestStream(t, js)
	c := newTestCarrier(t, js, Config{AckTimeout: time.Hour})
	c.hook = func(string) { js.Conn().Close() }
	err := publish(t, c, newTestBatch(4))
	require.ErrorIs(t, err, ErrConnectionClosed)
	require.True(t, isFinal(err))
	require.ErrorIs(t, publish(t, newTestCarrier(t, js, Config{}), newTestBatch(1)), ErrConnectionClosed)
}

// A message that may not be published is never answered, and neither is one that no stream takes: both may be cured without the relay.
func TestAcksThatAreTransientErrors(t *testing.T) {
	t.Parallel()
	t.Run("permissions violation", func(t *testing.T) {
		t.Parallel()
		started := natstest.Start(t, func(options *server.Options) {
			options.Users = []*server.User{{Username: "relay", Password: "x", Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{Deny: []string{"events.>"}},
			}}}
		})
		js, err := jetstream.New(natstest.Connect(t, started.URL(), nats.UserInfo("relay", "x")))
		require.NoError(t, err)
		createTestStream(t, js)
		err = publish(t, newTestCarrier(t, js, Config{AckTimeout: 300 * time.Millisecond}), newTestBatch(2))
		require.ErrorContains(t, err, "publish position 1: no acknowledgement came within 300ms")
		require.ErrorIs(t, err, nats.ErrPermissionViolation)
		require.False(t, isFinal(err) || isFenced(err))
	})
	t.Run("no responders", func(t *testing.T) {
		t.Parallel()
		js, _ := natstest.JetStream(t)
		err := publish(t, newTestCarrier(t, js, Config{AckTimeout: time.Hour}), newTestBatch(2))
		require.ErrorIs(t, err, jetstream.ErrNoStreamResponse)
		require.False(t, isFinal(err) || isFenced(err))
	})
	t.Run("another stream has the subjects", func(t *testing.T) {
		t.Parallel()
		js, _ := natstest.JetStream(t)
		createTestStream(t, js)
		err := publish(t, newTestCarrier(t, js, Config{Stream: "BILLING"}), newTestBatch(2))
		require.ErrorContains(t, err, "publish position 1: stream EVENTS has taken it, as message 1, instead of stream BILLING")
		require.False(t, isFinal(err) || isFenced(err))
	})
}
