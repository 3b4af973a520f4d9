package publisher

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/proxytest"
)

// The broker's answer to the first question is lost, as it is when a cluster loses a node at that moment: the question is asked again.
func TestVerifyAsksAgainWhereAnAnswerIsLost(t *testing.T) {
	t.Parallel()
	direct, broker := natstest.JetStream(t)
	_, err := direct.CreateStream(t.Context(), streamConfig(Config{}.withDefaults()))
	require.NoError(t, err)
	proxy := proxytest.New(t, strings.TrimPrefix(broker.URL(), "nats://"))
	conn := natstest.Connect(t, "nats://"+proxy.Addr())
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	proxy.HalfOpen()
	sent := conn.Stats().OutMsgs
	opened := make(chan error, 1)
	go func() {
		_, err := openFromFirst(t.Context(), js, "EVENTS")
		opened <- err
	}()
	require.Eventually(t, func() bool { return conn.Stats().OutMsgs > sent }, longestSilence, openingTime/1000)
	proxy.Reset()
	require.NoError(t, <-opened)
}
