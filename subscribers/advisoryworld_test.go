package subscribers_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

const advisoryStream = "CONTRAIL_ADVISORIES"

// awaitLetters waits until there are so many.
func (w *world) awaitLetters(tb testing.TB, count int) []subscribers.DeadLetter {
	tb.Helper()
	var letters []subscribers.DeadLetter
	require.Eventually(tb, func() bool {
		if _, err := w.js.Stream(tb.Context(), wire.DefaultDeadLetters); err != nil {
			return false
		}
		letters = w.deadLetters(tb)
		return len(letters) >= count
	}, 4*patience, 20*time.Millisecond)
	require.Len(tb, letters, count)
	return letters
}

// awaitAdvisories waits until the stream has so many, whatever they say.
func (w *world) awaitAdvisories(tb testing.TB, count int) {
	tb.Helper()
	w.awaitMessages(tb, advisoryStream, count)
}

func (w *world) awaitMessages(tb testing.TB, name string, count int) {
	tb.Helper()
	var last uint64
	require.Eventually(tb, func() bool {
		stream, err := w.js.Stream(tb.Context(), name)
		if err != nil {
			return false
		}
		last = stream.CachedInfo().State.Msgs
		return last >= uint64(count)
	}, 4*patience, 20*time.Millisecond, "stream %s has %d messages of %d", name, last, count)
}

// heeded waits until the subscription "test" has settled all advisories, and so many have been delivered to it.
func (w *world) heeded(tb testing.TB, count int) {
	tb.Helper()
	w.heededIn(tb, advisoryStream, count)
}

func (w *world) heededIn(tb testing.TB, stream string, count int) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		consumer, err := w.js.Consumer(tb.Context(), stream, "EVENTS_test")
		if err != nil {
			return false
		}
		info := consumer.CachedInfo()
		return info.Delivered.Consumer >= uint64(count) && info.NumPending == 0 && info.NumAckPending == 0
	}, 4*patience, 20*time.Millisecond)
}

// fetch takes the next event from a consumer "test", as a process would that is about to die.
func (w *world) fetch(tb testing.TB, stream string) jetstream.Msg {
	tb.Helper()
	consumer, err := w.js.Consumer(tb.Context(), stream, "test")
	require.NoError(tb, err)
	msg, err := consumer.Next(jetstream.FetchMaxWait(patience))
	require.NoError(tb, err)
	return msg
}

// prepare lets a subscription make what it needs, and end.
func (w *world) prepare(tb testing.TB, config subscribers.Config) {
	tb.Helper()
	stop := run(tb, w.handling(tb, config))
	for _, place := range [][2]string{{wire.DefaultStream, "test"}, {wire.DefaultDeadLetters, "test"}} {
		eventually(tb, func() bool {
			consumer, err := w.js.Consumer(tb.Context(), place[0], place[1])
			return err == nil && consumer.CachedInfo().NumWaiting > 0
		})
	}
	stop()
}

// handling is a subscription whose handler succeeds.
func (w *world) handling(tb testing.TB, config subscribers.Config) *subscribers.Subscription {
	tb.Helper()
	sub := w.subscribe(tb, config)
	if config.Inbox != nil {
		subscribers.HandleTx(sub, takeEffect)
	} else {
		subscribers.Handle(sub, succeed)
	}
	return sub
}

// awaitRetry runs a subscription until it waits for the retry of the one event that is in hand. The other one is acknowledged behind it, which
// shows that the broker has heard of the retry: if a message is deleted at that very moment nothing is said of it.
func (w *world) awaitRetry(tb testing.TB) (awaited contrail.Recorded) {
	tb.Helper()
	sub := w.subscribe(tb, subscribers.Config{Concurrency: 1})
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		if e.Data.N == 1 {
			return contrail.RetryAfter(time.Hour, errBroken)
		}
		return nil
	})
	run(tb, sub)
	awaited = w.publish(tb, "invoice-1", drafted{N: 1})
	w.publish(tb, "invoice-2", drafted{N: 2})
	eventually(tb, func() bool {
		consumer, err := w.js.Consumer(tb.Context(), wire.DefaultStream, "test")
		if err != nil {
			return false
		}
		info := consumer.CachedInfo()
		return info.Delivered.Stream == 2 && info.NumAckPending == 1
	})
	return awaited
}

// lookedAt waits until an advisory was, and put off. That takes a while where a frozen process has got it first.
func lookedAt(tb testing.TB, logged *log) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		select {
		case message := <-logged.messages:
			return strings.Contains(message, "is looked at again later")
		default:
			return false
		}
	}, 4*patience, time.Millisecond)
}

// oneTry is a subscription's whose events get one delivery.
func oneTry() subscribers.Config { return subscribers.Config{MaxDeliver: 1, AckWait: shortWait / 2} }

// advise publishes what a broker would say of the subscription's events. Anybody may.
func (w *world) advise(tb testing.TB, content map[string]any) {
	tb.Helper()
	data, err := json.Marshal(content)
	require.NoError(tb, err)
	require.NoError(tb, w.js.Conn().Publish("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES."+wire.DefaultStream+".test", data))
	require.NoError(tb, w.js.Conn().Flush())
}

// exhausted is what MAX_DELIVERIES says.
func exhausted(sequence uint64, at time.Time) map[string]any {
	return map[string]any{
		"type": "io.nats.jetstream.advisory.v1.max_deliver", "id": "x", "timestamp": at,
		"stream": wire.DefaultStream, "consumer": "test", "stream_seq": sequence, "deliveries": 1,
	}
}

// newRestrictedWorld is a world with another connection, which may not publish on some subjects.
func newRestrictedWorld(tb testing.TB, denied ...string) (w *world, restricted jetstream.JetStream) {
	tb.Helper()
	started := natstest.Start(tb, func(options *server.Options) {
		options.Users = []*server.User{
			{Username: "all", Password: "all"},
			{Username: "some", Password: "some", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: denied}}},
		}
	})
	js, err := jetstream.New(natstest.Connect(tb, started.URL(), nats.UserInfo("all", "all")))
	require.NoError(tb, err)
	restricted, err = jetstream.New(natstest.Connect(tb, started.URL(), nats.UserInfo("some", "some")))
	require.NoError(tb, err)
	w = &world{js: js, server: started, versions: map[string]int64{}}
	w.createStream(tb)
	return w, restricted
}

// as is the same world, seen through another connection.
func (w *world) as(js jetstream.JetStream) *world {
	other := *w
	other.js = js
	return &other
}

// createForgetful makes a stream of dead letters that recognises a message twice for a moment only.
func (w *world) createForgetful(tb testing.TB) {
	tb.Helper()
	_, err := w.js.CreateStream(tb.Context(), jetstream.StreamConfig{
		Name: wire.DefaultDeadLetters, Subjects: []string{"deadletters.>"}, Duplicates: 100 * time.Millisecond,
	})
	require.NoError(tb, err)
}

// numberIn is that of the event in a dead letter.
func numberIn(tb testing.TB, letter subscribers.DeadLetter) int {
	tb.Helper()
	event, err := wire.Decode(letter.Data)
	require.NoError(tb, err)
	var data drafted
	require.NoError(tb, json.Unmarshal(event.Data, &data))
	return data.N
}

func succeed(context.Context, contrail.Delivered[drafted]) error { return nil }
