package subscriptions_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

func TestListShowsWhatTheBrokerKnows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all, err := subscriptions.List(t.Context(), w.js, "", "")
	require.NoError(t, err)
	require.Empty(t, all)

	held := make(chan struct{})
	stop := w.run(w.handle(subscribers.Config{Filter: []string{"events.a.>", "events.b.>"}, MaxDeliver: 3, AckWait: time.Minute, MaxAckPending: 7},
		func(ctx context.Context, _ pgx.Tx, e contrail.Delivered[counted]) error {
			switch {
			case e.Position == 3:
				return contrail.Permanent(context.DeadlineExceeded)
			case e.Stream.Category() == "b":
				select {
				case <-held:
				case <-ctx.Done():
				}
			}
			return nil
		}))
	defer stop()
	defer close(held)
	w.append("a-1", 4)
	w.publish(&nats.Msg{Subject: "events.a.x", Data: []byte("foreign")})
	w.append("b-1", 1)
	w.append("c-1", 1)
	w.await(func(got subscriptions.Subscription) bool {
		return got.InHand == 1 && got.AckFloor.Sequence == 5 && got.DeadLetters == 2
	})
	ephemeral := jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}
	_, err = w.js.CreateConsumer(t.Context(), "EVENTS", ephemeral)
	require.NoError(t, err)
	_, err = w.js.CreatePushConsumer(t.Context(), "EVENTS", jetstream.ConsumerConfig{Durable: "push", DeliverSubject: "pushed"})
	require.NoError(t, err)
	_, err = w.js.CreateConsumer(t.Context(), "EVENTS", jetstream.ConsumerConfig{Durable: "other", AckPolicy: jetstream.AckExplicitPolicy})
	require.NoError(t, err)

	all, err = subscriptions.List(t.Context(), w.js, "EVENTS", "DEADLETTERS")
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "other", all[0].Durable)
	require.False(t, all[0].Ours)
	require.Equal(t, uint64(7), all[0].Lag)
	require.Zero(t, all[0].Waiting)
	require.Empty(t, all[0].Filters)

	got := all[1]
	require.Positive(t, got.Waiting)
	require.NotNil(t, got.AckFloor.At)
	got.Waiting, got.Created, got.AckFloor.At, got.Delivered.At = 0, time.Time{}, nil, nil
	require.Equal(t, subscriptions.Subscription{
		Durable: "test", Stream: "EVENTS", Ours: true, Filters: []string{"events.a.>", "events.b.>"},
		Lag: 1, InHand: 1, AckFloor: subscriptions.Place{Sequence: 5}, Delivered: subscriptions.Place{Sequence: 6, Position: 5},
		Answered: 5, DeadLetters: 2, MaxDeliver: 3, AckWait: 60, MaxAckPending: 7,
	}, got)
}

func TestGetNamesWhatIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := subscriptions.Get(t.Context(), w.js, w.name)
	require.ErrorIs(t, err, subscriptions.ErrNotFound)
	require.ErrorContains(t, err, "subscription test: there is no such subscription")
	_, err = subscriptions.Get(t.Context(), w.js, subscriptions.Name{Durable: "test", Stream: "NONE"})
	require.ErrorIs(t, err, subscriptions.ErrNotFound)
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
	require.ErrorContains(t, err, "subscription NONE/test")
	_, err = w.js.CreatePushConsumer(t.Context(), "EVENTS", jetstream.ConsumerConfig{Durable: "test", DeliverSubject: "pushed"})
	require.NoError(t, err)
	_, err = subscriptions.Get(t.Context(), w.js, w.name)
	require.ErrorIs(t, err, subscriptions.ErrNotFound)
	_, err = subscriptions.Get(t.Context(), w.js, subscriptions.Name{Stream: "a.b", DeadLetters: ">"})
	for _, fault := range []string{"Durable is required", `Stream: "a.b"`, `DeadLetters: ">"`} {
		require.ErrorContains(t, err, fault)
	}
	_, err = subscriptions.List(t.Context(), w.js, "NONE", "")
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
}
