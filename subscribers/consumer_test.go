package subscribers_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

func TestNewNamesEveryFault(t *testing.T) {
	t.Parallel()
	_, err := subscribers.New(nil, subscribers.Config{
		Durable: "a b", Stream: "x.y", Prefix: "events.*", Filter: []string{"a..b"}, MaxDeliver: -1, AckWait: time.Millisecond,
		MaxAckPending: -1, Concurrency: -1, InboxBatch: 1 << 20, DeadLetters: ">", DrainTimeout: -1,
		Backoff: subscribers.Backoff{Min: 2, Max: 1},
	})
	for _, field := range []string{
		"Durable", "Stream", "Prefix", "Filter", "MaxDeliver", "AckWait", "MaxAckPending", "Concurrency", "InboxBatch", "DeadLetters",
		"DrainTimeout", "Backoff",
	} {
		require.ErrorContains(t, err, field+":")
	}
	_, err = subscribers.New(nil, subscribers.Config{})
	require.EqualError(t, err, "configure a subscription: Durable is required")
}

func TestConsumerIsCreatedAndUpdated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, config := range []subscribers.Config{
		{},
		{MaxDeliver: 3, AckWait: time.Second, MaxAckPending: 10, Filter: []string{"events.invoice.*.InvoiceDrafted", "events.contact.>"}},
	} {
		sub := w.subscribe(t, config)
		handled := make(chan struct{}, 1)
		subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error {
			handled <- struct{}{}
			return nil
		})
		stop := run(t, sub)
		w.publish(t, "invoice-1", drafted{})
		receive(t, handled)
		stop()
		consumer, err := w.js.Consumer(t.Context(), wire.DefaultStream, "test")
		require.NoError(t, err)
		got := consumer.CachedInfo().Config
		require.Equal(t, jetstream.AckExplicitPolicy, got.AckPolicy)
		require.Equal(t, jetstream.DeliverAllPolicy, got.DeliverPolicy)
		require.Empty(t, got.BackOff)
		if config.MaxDeliver == 0 {
			require.Equal(t, 8, got.MaxDeliver)
			require.Equal(t, 30*time.Second, got.AckWait)
			require.Equal(t, "events.>", got.FilterSubject)
		} else {
			require.Equal(t, config.MaxDeliver, got.MaxDeliver)
			require.Equal(t, config.AckWait, got.AckWait)
			require.Equal(t, config.MaxAckPending, got.MaxAckPending)
			require.Equal(t, config.Filter, got.FilterSubjects)
		}
	}
}

func TestForeignConsumersAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for field, config := range map[string]jetstream.ConsumerConfig{
		"AckPolicy":      {AckPolicy: jetstream.AckNonePolicy},
		"BackOff":        {AckPolicy: jetstream.AckExplicitPolicy, BackOff: []time.Duration{time.Second}},
		"DeliverPolicy":  {AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverLastPolicy},
		"ReplayPolicy":   {AckPolicy: jetstream.AckExplicitPolicy, ReplayPolicy: jetstream.ReplayOriginalPolicy},
		"HeadersOnly":    {AckPolicy: jetstream.AckExplicitPolicy, HeadersOnly: true},
		"PriorityGroups": {AckPolicy: jetstream.AckExplicitPolicy, PriorityGroups: []string{"a"}, PriorityPolicy: jetstream.PriorityPolicyOverflow},
		"DeliverSubject": {AckPolicy: jetstream.AckExplicitPolicy, DeliverSubject: "push"},
	} {
		config.Durable = "for-" + field
		if config.DeliverSubject == "" {
			_, err := w.js.CreateConsumer(t.Context(), wire.DefaultStream, config)
			require.NoError(t, err)
		} else {
			_, err := w.js.CreatePushConsumer(t.Context(), wire.DefaultStream, config)
			require.NoError(t, err)
		}
		sub := w.subscribe(t, subscribers.Config{Durable: config.Durable})
		subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error { return nil })
		err := outcome(t, sub)
		require.ErrorContains(t, err, config.Durable)
		require.ErrorContains(t, err, field)
	}
}

func TestRunWaitsForTheStream(t *testing.T) {
	t.Parallel()
	js, server := natstest.JetStream(t)
	w := &world{js: js, server: server, versions: map[string]int64{}}
	logged := newLog()
	sub := w.subscribe(t, subscribers.Config{Logger: logged.logger()})
	handled := make(chan struct{}, 1)
	subscribers.Handle(sub, func(context.Context, contrail.Delivered[drafted]) error {
		handled <- struct{}{}
		return nil
	})
	run(t, sub)
	logged.await(t, "stream EVENTS does not exist; the relay creates it when it starts")
	w.createStream(t)
	w.publish(t, "invoice-1", drafted{})
	receive(t, handled)
}

func TestConsumerDeletedWhileRunningIsMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.subscribe(t, subscribers.Config{AckWait: shortWait}) // what is sent to the old consumer's last pull comes again after that
	handled := make(chan int, 99)
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) error {
		handled <- e.Data.N
		return nil
	})
	run(t, sub)
	w.publish(t, "invoice-1", drafted{N: 1})
	w.publish(t, "invoice-1", drafted{N: 2}) // comes when 1 is no longer in hand
	require.Equal(t, 1, receive(t, handled))
	require.Equal(t, 2, receive(t, handled))
	require.NoError(t, w.js.DeleteConsumer(t.Context(), wire.DefaultStream, "test"))
	w.publish(t, "invoice-1", drafted{N: 3})
	seen := map[int]bool{}
	for !seen[1] || !seen[3] { // a new consumer begins at the beginning; 2 may have been in hand still
		seen[receive(t, handled)] = true
	}
}

// The broker goes away and comes back, again and again, under load: each stream's events are handled in order, none twice.
func TestBrokerRestarts(t *testing.T) {
	t.Parallel()
	const rounds, perRound = 5, 300
	w := newWorld(t)
	observed := newOrder()
	sub := w.subscribe(t, subscribers.Config{AckWait: shortWait, MaxDeliver: 50})
	subscribers.Handle(sub, func(_ context.Context, e contrail.Delivered[drafted]) (err error) {
		observed.begin(e)
		defer func() { observed.end(e, err == nil) }()
		if e.Delivery.Attempt <= failures(e.Position) {
			return errBroken
		}
		return nil
	})
	run(t, sub)
	for range rounds {
		w.publishMany(t, perRound, 20)
		w.restart(t)
	}
	w.settled(t)
	observed.check(t, rounds*perRound)
	require.Empty(t, w.deadLetters(t))
}
