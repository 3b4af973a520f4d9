// Package natstest gives each test a nats-server of its own, with JetStream, in process.
package natstest

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/localstack"
)

// Start runs a server for the length of the test, with an empty store in a temporary folder. Each of opts may change the server's
// options, except for host, port and store folder.
func Start(tb testing.TB, opts ...func(*server.Options)) *localstack.NATS {
	tb.Helper()
	started, err := localstack.StartNATS(localstack.NATSConfig{Options: func(options *server.Options) {
		for _, change := range opts {
			change(options)
		}
	}})
	require.NoError(tb, err)
	tb.Cleanup(func() {
		if err := started.Close(); err != nil {
			tb.Errorf("close the test's NATS server: %v", err)
		}
	})
	return started
}

// Connect connects for the length of the test. The connection comes back by itself, and soon, after the server was stopped and restarted:
// wait for its Stats().Reconnects, because right after a restart IsConnected may still mean the old one. Each of opts may change its options.
func Connect(tb testing.TB, url string, opts ...nats.Option) *nats.Conn {
	tb.Helper()
	closed := make(chan struct{})
	conn, err := nats.Connect(url, append([]nats.Option{
		nats.Name(tb.Name()), nats.MaxReconnects(-1), nats.ReconnectWait(20 * time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // which would print what tests bring about
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }),
	}, opts...)...)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		conn.Close()
		<-closed // its goroutines are over, too, for tests that look for leaks
	})
	return conn
}

// JetStream starts a server, connects to it and returns both.
func JetStream(tb testing.TB) (jetstream.JetStream, *localstack.NATS) {
	tb.Helper()
	started := Start(tb)
	js, err := jetstream.New(Connect(tb, started.URL()))
	require.NoError(tb, err)
	return js, started
}
