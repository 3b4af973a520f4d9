package natstest_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
)

const patience = 30 * time.Second

// replicated makes a stream on all nodes of a cluster of three.
func replicated(tb testing.TB) (*natstest.Servers, jetstream.JetStream) {
	tb.Helper()
	cluster := natstest.Cluster(tb, 3)
	js := cluster.JetStream(tb)
	_, err := js.CreateStream(tb.Context(), jetstream.StreamConfig{Name: "A", Subjects: []string{"a"}, Replicas: 3})
	require.NoError(tb, err)
	return cluster, js
}

// publish tries until it is acknowledged, and returns the sequence.
func publish(tb testing.TB, js jetstream.JetStream) (sequence uint64) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		ack, err := js.Publish(tb.Context(), "a", []byte("one"))
		if err == nil {
			sequence = ack.Sequence
		}
		return err == nil
	}, patience, time.Millisecond)
	return sequence
}

func TestClusterElectsAnotherLeader(t *testing.T) {
	t.Parallel()
	cluster, js := replicated(t)
	require.Len(t, cluster.URLs(), 3)
	first := cluster.Await("A")
	require.EqualValues(t, 1, publish(t, js))
	require.NoError(t, cluster.StepDown("A"))
	require.Eventually(t, func() bool { next := cluster.Leader("A"); return next >= 0 && next != first }, patience, time.Millisecond)
	require.EqualValues(t, 2, publish(t, js))
	require.Error(t, cluster.StepDown("B"))
	require.Equal(t, -1, cluster.Leader("B"))
}

// One node may be away, two may not, and what was acknowledged is there when they are back.
func TestClusterOutlastsItsNodes(t *testing.T) {
	t.Parallel()
	cluster, js := replicated(t)
	require.EqualValues(t, 1, publish(t, js))
	leader := cluster.Await("A")
	cluster.Kill(leader)
	require.EqualValues(t, 2, publish(t, js))
	other := cluster.ConnectedTo(js.Conn())
	require.NotEqual(t, leader, other)
	cluster.Kill(other)
	_, err := js.Publish(t.Context(), "a", []byte("two"), jetstream.WithRetryAttempts(0))
	require.Error(t, err)
	cluster.Restart(other)
	cluster.Restart(leader)
	cluster.Await("A")
	require.GreaterOrEqual(t, publish(t, js), uint64(3))
}
