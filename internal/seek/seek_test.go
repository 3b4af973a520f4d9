package seek_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/seek"
	"github.com/contrail-events/contrail/internal/wire"
)

const source = "/contrail/test/01920000-0000-7000-8000-000000000001"

// made is what is in a stream: the model.
type made struct {
	sequence uint64
	place    contrail.Position
	ours     bool
	events   bool // on the subjects of events
	at       time.Time
}

// maker fills a stream.
type maker struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	name   string
	place  contrail.Position
	seen   contrail.Position // of the cursor, which has passed events that are left out
	made   []made
}

// newMaker makes a stream. It may be read by direct gets, as the relay's is.
func newMaker(t require.TestingT, js jetstream.JetStream) *maker {
	m := &maker{js: js, name: "S" + nats.NewInbox()[7:]}
	var err error
	m.stream, err = js.CreateStream(context.Background(), jetstream.StreamConfig{
		Name: m.name, Subjects: []string{m.name + ".>"}, Storage: jetstream.MemoryStorage, AllowDirect: true,
	})
	require.NoError(t, err)
	return m
}

func (m *maker) publish(t require.TestingT, subject string, header nats.Header, data []byte, place contrail.Position) {
	ack, err := m.js.PublishMsg(context.Background(), &nats.Msg{Subject: m.name + "." + subject, Header: header, Data: data})
	require.NoError(t, err)
	stored, err := m.stream.GetMsg(context.Background(), ack.Sequence)
	require.NoError(t, err)
	m.made = append(m.made, made{ack.Sequence, max(place, 0), place >= 0, subject == "events.a", stored.Time})
}

func event(position contrail.Position) []byte {
	return wire.Append(nil, source, contrail.Recorded{
		Position: position, ID: uuid.New(), Stream: contrail.NewStreamID("a", "1"), Version: int64(position), Type: "Counted",
		Data: []byte(`{}`), RecordedAt: time.Unix(1, 0),
	})
}

// ordered publishes an event in its order; passed are those that are left out before it.
func (m *maker) ordered(t require.TestingT, passed int) {
	m.seen += contrail.Position(passed) + 1
	m.place = m.seen
	m.publish(t, "events.a", nil, event(m.place), m.place)
}

// late publishes one that was left out.
func (m *maker) late(t require.TestingT, passed int, position contrail.Position) {
	m.seen += contrail.Position(passed)
	m.place = m.seen
	header := nats.Header{}
	wire.Mark(header, wire.ResentRequeue, m.seen)
	m.publish(t, "events.a", header, event(position), m.seen)
}

func (m *maker) foreign(t require.TestingT, subject string) {
	m.publish(t, subject, nil, []byte(`{"order":1}`), -1)
}

// remove makes a hole.
func (m *maker) remove(t require.TestingT, n int) {
	require.NoError(t, m.stream.DeleteMsg(context.Background(), m.made[n].sequence))
	m.made = append(m.made[:n:n], m.made[n+1:]...)
}

// age takes out the first ones.
func (m *maker) age(t require.TestingT, n int) {
	through := m.made[n].sequence
	require.NoError(t, m.stream.Purge(context.Background(), jetstream.WithPurgeSequence(through+1)))
	m.made = m.made[n+1:]
}

// first is the linear search.
func (m *maker) first(t require.TestingT, reached func(made) bool) uint64 {
	for _, one := range m.made {
		if reached(one) {
			return one.sequence
		}
	}
	info, err := m.stream.Info(context.Background())
	require.NoError(t, err)
	return info.State.LastSeq + 1
}

// Streams with holes, aged beginnings, late events and foreign messages: each search finds what a linear one does.
func TestSearchFindsWhatALinearOneDoes(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	rapid.Check(t, func(t *rapid.T) {
		m := newMaker(t, js)
		defer func() { _ = js.DeleteStream(context.Background(), m.name) }()
		for range rapid.IntRange(0, 40).Draw(t, "messages") {
			switch passed := rapid.IntRange(0, 2).Draw(t, "passed"); rapid.IntRange(0, 6).Draw(t, "kind") {
			case 0:
				m.late(t, passed, rapid.Custom(func(t *rapid.T) contrail.Position {
					return contrail.Position(rapid.Int64Range(1, int64(max(m.seen, 1))).Draw(t, "position"))
				}).Draw(t, "late"))
			case 1:
				m.foreign(t, "events.a")
			case 2:
				m.foreign(t, "orders.b")
			default:
				m.ordered(t, passed)
			}
		}
		for range rapid.IntRange(0, 5).Draw(t, "holes") {
			if len(m.made) > 0 {
				m.remove(t, rapid.IntRange(0, len(m.made)-1).Draw(t, "hole"))
			}
		}
		if len(m.made) > 0 && rapid.Bool().Draw(t, "aged") {
			m.age(t, rapid.IntRange(0, len(m.made)-1).Draw(t, "through"))
		}
		m.compare(t, js)
	})
}

// compare asks for every position, and for times around each message.
func (m *maker) compare(t *rapid.T, js jetstream.JetStream) {
	for _, subject := range []string{"", m.name + ".events.>"} {
		stream, err := seek.Open(context.Background(), js, m.name, subject)
		require.NoError(t, err)
		for position := range m.seen + 2 {
			found, reached, err := stream.Position(context.Background(), position)
			require.NoError(t, err)
			require.Equal(t, m.first(t, func(one made) bool { return one.ours && one.place >= position }), found, "position %d", position)
			if found > stream.Last {
				require.Equal(t, m.last(), reached)
			}
		}
		for _, one := range m.made {
			for _, at := range []time.Time{one.at.Add(-1), one.at, one.at.Add(1)} {
				found, err := stream.Time(context.Background(), at)
				require.NoError(t, err)
				require.Equal(t, m.first(t, func(other made) bool {
					return !other.at.Before(at) && (subject == "" || other.events)
				}), found)
			}
		}
	}
}

// last is how far the stream has come.
func (m *maker) last() contrail.Position {
	last := contrail.Position(0)
	for _, one := range m.made {
		last = max(last, one.place)
	}
	return last
}

// What a shared stream has of others costs nothing where their subjects are others, and else a request each.
func TestPositionTakesFewRequests(t *testing.T) {
	t.Parallel()
	const events = 5000
	js, _ := natstest.JetStream(t)
	m := newMaker(t, js)
	for n := range events {
		_, err := js.PublishMsgAsync(&nats.Msg{Subject: m.name + ".events.a", Data: event(contrail.Position(n + 1))})
		require.NoError(t, err)
		_, err = js.PublishMsgAsync(&nats.Msg{Subject: m.name + ".orders.b"})
		require.NoError(t, err)
	}
	<-js.PublishAsyncComplete()
	stream, err := seek.Open(t.Context(), js, m.name, m.name+".events.>")
	require.NoError(t, err)
	before := js.Conn().Stats().OutMsgs
	found, _, err := stream.Position(t.Context(), 1234)
	require.NoError(t, err)
	require.Equal(t, uint64(2*1234-1), found)
	require.LessOrEqual(t, js.Conn().Stats().OutMsgs-before, uint64(math.Ceil(math.Log2(2*events)))+1)
}

func TestNextAndGet(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	m := newMaker(t, js)
	stream, err := seek.Open(t.Context(), js, m.name, "")
	require.NoError(t, err)
	require.Equal(t, [2]uint64{1, 0}, [2]uint64{stream.First, stream.Last})
	message, err := stream.Next(t.Context(), 1)
	require.NoError(t, err)
	require.Nil(t, message)

	m.foreign(t, "events.a")
	m.ordered(t, 2)
	m.late(t, 0, 2)
	m.remove(t, 0)
	stream, err = seek.Open(t.Context(), js, m.name, "")
	require.NoError(t, err)
	message, err = stream.Get(t.Context(), 1)
	require.NoError(t, err)
	require.Nil(t, message)
	message, err = stream.Next(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, uint64(2), message.Sequence)
	place, ours := message.Place()
	require.Equal(t, contrail.Position(3), place)
	require.True(t, ours)
	message, late, err := stream.Event(t.Context(), 3)
	require.NoError(t, err)
	require.Equal(t, uint64(3), message.Sequence)
	require.Equal(t, contrail.Position(2), late.Position)
	require.Equal(t, contrail.Position(3), late.After)
	message, err = stream.On(m.name+".orders.>").Next(t.Context(), 1)
	require.NoError(t, err)
	require.Nil(t, message)

	_, err = seek.Open(t.Context(), js, "NONE", "")
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
	require.NoError(t, js.DeleteStream(t.Context(), m.name))
	_, err = stream.Get(t.Context(), 2)
	require.ErrorContains(t, err, fmt.Sprintf("read message 2 of stream %s: ", m.name))
}

// A broker without a leader doesn't answer at all.
func TestGetEndsWithItsContext(t *testing.T) {
	t.Parallel()
	js, server := natstest.JetStream(t)
	m := newMaker(t, js)
	stream, err := seek.Open(t.Context(), js, m.name, "")
	require.NoError(t, err)
	require.NoError(t, server.Close())
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = stream.Get(ctx, 1)
	require.Error(t, err)
}
