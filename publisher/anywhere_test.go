package publisher_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/wmsql"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/wmjetstream"
)

// anywhereConfig relays to topics that are called by the category: events.test, events.bulk.
func anywhereConfig() publisher.Config {
	return publisher.Config{Stream: "elsewhere", Subject: "{category}", BatchEvents: 20, RetryMin: time.Millisecond}
}

// spy is a Watermill publisher around another, which counts, and calls after each message.
type spy struct {
	message.Publisher

	published atomic.Int64
	then      func(published int64)
}

func (s *spy) Publish(topic string, messages ...*message.Message) error {
	if err := s.Publisher.Publish(topic, messages...); err != nil {
		return err
	}
	for range messages {
		if n := s.published.Add(1); s.then != nil {
			s.then(n)
		}
	}
	return nil
}

// subscribeTest reads topic events.test until the end of the test.
func subscribeTest(tb testing.TB, subscriber message.Subscriber) <-chan *message.Message {
	tb.Helper()
	messages, err := subscriber.Subscribe(context.WithoutCancel(tb.Context()), "events.test")
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, subscriber.Close()) })
	return messages
}

// goChannel is Watermill's Pub/Sub within a process.
func goChannel(t *testing.T) (message.Publisher, <-chan *message.Message) {
	t.Helper()
	both := gochannel.NewGoChannel(gochannel.Config{BlockPublishUntilSubscriberAck: true}, watermill.NopLogger{})
	return both, subscribeTest(t, both)
}

// eventsStream takes what anywhereConfig publishes to JetStream.
func eventsStream(t *testing.T, maxMsgSize int32) (js jetstream.JetStream, url string) {
	t.Helper()
	js, server := natstest.JetStream(t)
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ELSEWHERE", Subjects: []string{"events.>"}, MaxMsgSize: maxMsgSize})
	require.NoError(t, err)
	return js, server.URL()
}

func natsSubscriber(t *testing.T, url string) <-chan *message.Message {
	t.Helper()
	subscriber, err := wmnats.NewSubscriberWithNatsConn(natstest.Connect(t, url), wmnats.SubscriberSubscriptionConfig{}, watermill.NopLogger{})
	require.NoError(t, err)
	return subscribeTest(t, subscriber)
}

// watermillNATS is watermill-nats' own publisher and subscriber.
func watermillNATS(t *testing.T) (message.Publisher, <-chan *message.Message) {
	t.Helper()
	_, url := eventsStream(t, -1)
	to, err := wmnats.NewPublisherWithNatsConn(natstest.Connect(t, url), wmnats.PublisherPublishConfig{
		Marshaler: &wmnats.NATSMarshaler{}, SubjectCalculator: wmnats.DefaultSubjectCalculator,
		JetStream: wmnats.JetStreamConfig{TrackMsgId: true},
	}, watermill.NopLogger{})
	require.NoError(t, err)
	return to, natsSubscriber(t, url)
}

// ownJetStream is Contrail's publisher, and watermill-nats' subscriber.
func ownJetStream(t *testing.T) (message.Publisher, <-chan *message.Message) {
	t.Helper()
	js, url := eventsStream(t, -1)
	to, err := wmjetstream.New(js, wmjetstream.Config{})
	require.NoError(t, err)
	return to, natsSubscriber(t, url)
}

// takeMessages acknowledges the next n messages.
func takeMessages(tb testing.TB, messages <-chan *message.Message, n int) (taken message.Messages) {
	tb.Helper()
	tooLong := time.After(patience)
	for len(taken) < n {
		select {
		case msg := <-messages:
			require.NotNil(tb, msg, "the subscriber has ended")
			msg.Ack()
			taken = append(taken, msg)
		case <-tooLong:
			require.Fail(tb, "a message is missing", "%d of %d came", len(taken), n)
		}
	}
	return taken
}

// requireEvents checks that the messages are the events of the store from the given position on, each once, in order and whole.
func requireEvents(tb testing.TB, pool *pgxpool.Pool, from int, messages message.Messages) {
	tb.Helper()
	for i, msg := range messages {
		got, err := wmsql.Recorded(msg)
		require.NoError(tb, err)
		want, err := eventstore.At(tb.Context(), pool, contrail.Position(from+i))
		require.NoError(tb, err)
		require.Len(tb, want, 1)
		require.Equal(tb, want[0].ID.String(), msg.UUID)
		require.WithinDuration(tb, want[0].RecordedAt, got.RecordedAt, 0)
		got.RecordedAt = want[0].RecordedAt
		require.Equal(tb, want[0], got)
	}
}

// startTo runs a relay to a publisher until the test ends, or the returned function is called. A publisher that waits for a subscriber which
// has given up is let go by its end.
func startTo(tb testing.TB, pool *pgxpool.Pool, to message.Publisher) (stop func() error) {
	tb.Helper()
	relay, err := publisher.NewRelayTo(pool, to, anywhereConfig())
	require.NoError(tb, err)
	stop = start(tb, relay)
	tb.Cleanup(func() { _ = to.Close() })
	return stop
}

// Every event comes to any Watermill publisher, in order and once as long as nothing fails, also when another relay goes on.
func TestRelayToAnyPublisher(t *testing.T) {
	t.Parallel()
	for name, destination := range map[string]func(*testing.T) (message.Publisher, <-chan *message.Message){
		"Go channel": goChannel, "watermill-nats": watermillNATS, "wmjetstream": ownJetStream,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			to, messages := destination(t)
			counted := &spy{Publisher: to}

			appendEvents(t, pool, "before", 100)
			stop := startTo(t, pool, counted)
			appendEvents(t, pool, "meanwhile", 50)
			requireEvents(t, pool, 1, takeMessages(t, messages, 150))
			require.NoError(t, stop())

			appendEvents(t, pool, "after", 50)
			stop = startTo(t, pool, counted)
			requireEvents(t, pool, 151, takeMessages(t, messages, 50))
			require.NoError(t, stop())
			require.EqualValues(t, 200, counted.published.Load())
		})
	}
}

// The relay loses its connections between publishing and writing down that it has: some events come twice, none is missing, and
// nothing comes before what it follows.
func TestRelayToAnyPublisherAtLeastOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	to, messages := goChannel(t)
	admin, err := pgx.Connect(t.Context(), pool.Config().ConnString())
	require.NoError(t, err)
	t.Cleanup(func() { _ = admin.Close(context.WithoutCancel(t.Context())) })
	lossy := &spy{Publisher: to, then: func(published int64) {
		if published%70 == 0 && published < 400 {
			_, _ = admin.Exec(context.Background(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		}
	}}
	const events = 300
	appendEvents(t, pool, "any", events)
	startTo(t, pool, lossy)

	var order []string
	for seen := map[string]bool{}; len(seen) < events; {
		position := takeMessages(t, messages, 1)[0].Metadata.Get(wmsql.KeyPosition)
		if order = append(order, position); !seen[position] {
			seen[position] = true
			require.Equal(t, strconv.Itoa(len(seen)), position)
		}
	}
	require.Greater(t, len(order), events, "nothing was repeated: the connections were not lost")
}

// An event that the publisher will never take is left out after a few attempts; what comes after it goes on.
func TestRelayToAnyPublisherParksWhatItRefuses(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, url := eventsStream(t, 2000)
	to, err := wmjetstream.New(js, wmjetstream.Config{})
	require.NoError(t, err)
	appendEvents(t, pool, "small", 30)
	_, err = pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data) VALUES ('test-large', 1, 'Counted', to_jsonb($1::text))`,
		strings.Repeat("x", 3000))
	require.NoError(t, err)
	appendEvents(t, pool, "after", 30)

	messages := natsSubscriber(t, url)
	startTo(t, pool, to)
	taken := takeMessages(t, messages, 60)
	requireEvents(t, pool, 1, slices.Clone(taken[:30]))
	requireEvents(t, pool, 32, taken[30:])
	var position int64
	var reason string
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT position, error FROM contrail.parked WHERE relay = 'elsewhere' AND state = 'parked'`).
		Scan(&position, &reason))
	require.EqualValues(t, 31, position)
	require.Contains(t, reason, "the message is too large")
}

// A relay publishes each event as a Watermill message, here to a Go channel of the same process.
func ExampleNewRelayTo() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	pool, _, closeAll := exampleStack(ctx)
	defer closeAll()
	_, err := pool.Exec(ctx, `INSERT INTO contrail.events (stream, version, type, data) VALUES ('invoice-42', 1, 'InvoiceDrafted', '{"total": "19.80"}')`)
	must(err)

	to := gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{})
	messages, err := to.Subscribe(ctx, "billing.invoice")
	must(err)
	relay, err := publisher.NewRelayTo(pool, to, publisher.Config{Stream: "in-process", Prefix: "billing", Subject: "{category}"})
	must(err)
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()

	msg := <-messages
	msg.Ack()
	var data struct{ Total string }
	must(json.Unmarshal(msg.Payload, &data))
	fmt.Println(msg.Metadata[wmsql.KeyStream], msg.Metadata[wmsql.KeyVersion], msg.Metadata[wmsql.KeyType], data.Total)

	cancel() // drains
	fmt.Println("ended:", <-ended)
	// Output:
	// invoice-42 1 InvoiceDrafted 19.80
	// ended: <nil>
}
