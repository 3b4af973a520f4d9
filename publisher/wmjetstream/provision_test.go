package wmjetstream_test

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/publisher/wmjetstream"
)

func TestProvisionStream(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	publisher := newPublisher(t, js, wmjetstream.Config{Provision: wmjetstream.ProvisionStream})
	for topic, name := range map[string]string{"orders": "orders", "orders.placed.v1": "orders_placed_v1"} {
		require.NoError(t, publisher.Publish(topic, numbered(2)...))
		stream, err := js.Stream(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, []string{topic}, stream.CachedInfo().Config.Subjects)
		require.Equal(t, jetstream.FileStorage, stream.CachedInfo().Config.Storage)
		require.Equal(t, []string{"1", "2"}, stored(t, stream))
	}
}

func TestProvisionStreamTakesAnyStreamOfTheSubject(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	stream := createStream(t, js)
	publisher := newPublisher(t, js, wmjetstream.Config{
		Provision: wmjetstream.ProvisionStream, Subject: func(topic string) string { return "orders." + topic },
	})
	require.NoError(t, publisher.Publish("placed", numbered(1)...))
	require.Equal(t, []string{"1"}, stored(t, stream))
	_, err := js.Stream(t.Context(), "placed")
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
}

func TestProvisionStreamOfTheSameNameAndOtherSubjects(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "a_b", Subjects: []string{"other"}})
	require.NoError(t, err)
	err = newPublisher(t, js, wmjetstream.Config{Provision: wmjetstream.ProvisionStream}).Publish("a.b", numbered(1)...)
	require.ErrorIs(t, err, jetstream.ErrStreamNameAlreadyInUse)
	require.ErrorContains(t, err, "stream a_b does not take subject a.b: add the subject to it")
	requireReport(t, err, 0, 0, 0)
}

func TestProvisionStreamBySeveralAtOnce(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	publisher := newPublisher(t, js, wmjetstream.Config{Provision: wmjetstream.ProvisionStream})
	var callers errgroup.Group
	for _, msg := range numbered(20) {
		callers.Go(func() error { return publisher.Publish("orders", msg) })
	}
	require.NoError(t, callers.Wait())
	stream, err := js.Stream(t.Context(), "orders")
	require.NoError(t, err)
	require.Len(t, stored(t, stream), 20)
}

func TestProvisionIsOnceATopicUnlessItFails(t *testing.T) {
	t.Parallel()
	js, _ := natstest.JetStream(t)
	createStream(t, js)
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "the message's")
	var calls []string
	refused := errors.New("not yet")
	publisher := newPublisher(t, js, wmjetstream.Config{
		Subject: func(topic string) string { return "orders." + topic },
		Provision: func(ctx context.Context, _ jetstream.JetStream, topic, subject string) error {
			require.Equal(t, "the message's", ctx.Value(key{}))
			if calls = append(calls, topic+" "+subject); len(calls) == 1 {
				return refused
			}
			return nil
		},
	})
	messages := numbered(1)
	messages[0].SetContext(ctx)
	require.ErrorIs(t, publisher.Publish("a", messages...), refused)
	for _, topic := range []string{"a", "a", "b", "a"} {
		require.NoError(t, publisher.Publish(topic, messages...))
	}
	require.Equal(t, []string{"a orders.a", "a orders.a", "b orders.b"}, calls)
}
