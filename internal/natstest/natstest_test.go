package natstest_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/contrail-events/contrail/internal/natstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, natstest.LeftBehind()...) }

func TestJetStreamIsOnItsOwnAndSurvivesRestart(t *testing.T) {
	t.Parallel()
	js, ns := natstest.JetStream(t)
	other, _ := natstest.JetStream(t)
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "A", Subjects: []string{"a"}})
	require.NoError(t, err)
	_, err = js.Publish(t.Context(), "a", []byte("one"))
	require.NoError(t, err)
	_, err = other.Stream(t.Context(), "A")
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound)

	require.NoError(t, ns.Restart())
	reconnected := func() bool { return js.Conn().Stats().Reconnects == 1 && js.Conn().IsConnected() }
	require.Eventually(t, reconnected, 10*time.Second, 5*time.Millisecond) // the old connection may look alive for a moment
	stream, err := js.Stream(t.Context(), "A")
	require.NoError(t, err)
	require.EqualValues(t, 1, stream.CachedInfo().State.Msgs)
}

func TestStartTakesOptions(t *testing.T) {
	t.Parallel()
	ns := natstest.Start(t, func(o *server.Options) { o.MaxPayload = 4096 }, func(o *server.Options) { o.MaxPayload /= 2 })
	require.EqualValues(t, 2048, natstest.Connect(t, ns.URL()).MaxPayload())
}

func TestEverythingIsClosedAtTheEndOfATest(t *testing.T) {
	t.Parallel()
	var closed func() bool
	t.Run("inner", func(t *testing.T) { // not parallel: what follows is about its end
		conn := natstest.Connect(t, natstest.Start(t).URL())
		closed = conn.IsClosed
		require.False(t, closed())
	})
	require.True(t, closed())
}
