package subscribers_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// In a cluster the stream of the partitions, the members' bucket and the dead letters are as safe as the stream of the events, and what their leaders do when they change
// is of no consequence for order.
func TestPartitionsInACluster(t *testing.T) {
	t.Parallel()
	const count, streams = 1500, 20
	cluster, j := natstest.Cluster(t, 3), newJournal(t)
	w := &world{js: cluster.JetStream(t), versions: map[string]int64{}}
	_, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}, Replicas: 3})
	require.NoError(t, err)
	cluster.Await("EVENTS")
	for range 2 {
		config := divided()
		config.Inbox = subscribers.NewInbox(j.pool)
		sub := (&world{js: cluster.JetStream(t)}).subscribe(t, config)
		sub.Lease(3 * shortLease)
		subscribers.HandleTx(sub, j.fails)
		run(t, sub)
	}
	w.shares(t, 2, 2)
	bucket := "KV_" + subscribers.MemberBucket("EVENTS", "test")
	for _, name := range []string{"EVENTS_test", bucket, wire.DefaultDeadLetters} {
		stream, err := w.js.Stream(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, 3, stream.CachedInfo().Config.Replicas, name)
	}
	for i := range count {
		switch i {
		case count / 4:
			require.NoError(t, cluster.StepDown("EVENTS_test"))
		case count / 2:
			require.NoError(t, cluster.StepDown("EVENTS"))
			require.NoError(t, cluster.StepDown(bucket))
		}
		event := w.event(fmt.Sprintf("invoice-%d", i%streams), drafted{N: i})
		require.Eventually(t, func() bool {
			_, err := w.js.PublishMsg(t.Context(), w.message(t, event), jetstream.WithMsgID(event.ID.String()))
			return err == nil
		}, 3*patience, 10*time.Millisecond)
	}
	require.Eventually(t, func() bool { return j.count(t) >= count }, 3*patience, 10*time.Millisecond)
	j.check(t, count)
}

// Processes that start at the same time on a cluster ask for the same stream of advisories: it is refused to none, though none can look it up yet.
func TestSubscriptionsThatStartTogetherInACluster(t *testing.T) {
	t.Parallel()
	const count = 12
	cluster := natstest.Cluster(t, 3)
	w := &world{js: cluster.JetStream(t)}
	_, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}, Replicas: 3})
	require.NoError(t, err)
	cluster.Await("EVENTS")
	subs := make([]*subscribers.Subscription, count)
	for i := range subs {
		subs[i] = (&world{js: cluster.JetStream(t)}).subscribe(t, subscribers.Config{Durable: fmt.Sprintf("test%d", i)})
		subscribers.Handle(subs[i], succeed)
	}
	for _, sub := range subs {
		run(t, sub)
	}
	require.Eventually(t, func() bool {
		stream, err := w.js.Stream(t.Context(), advisoryStream)
		if err != nil {
			return false
		}
		return stream.CachedInfo().State.Consumers == count
	}, 3*patience, 10*time.Millisecond)
}
