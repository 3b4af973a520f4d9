package subscribers_test

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// gate lets a test cut a connection and keep it cut.
type gate struct {
	mu   sync.Mutex
	shut bool
	open []net.Conn
}

// Dial connects unless the gate is shut.
func (g *gate) Dial(network, address string) (net.Conn, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return nil, errors.New("the gate is shut")
	}
	conn, err := net.Dial(network, address) //nolint:noctx // the client library's interface has none
	if err == nil {
		g.open = append(g.open, conn)
	}
	return conn, err
}

func (g *gate) cut(tb testing.TB) {
	tb.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
	for _, conn := range g.open {
		require.NoError(tb, conn.Close())
	}
	g.open = nil
}

func (g *gate) lift() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = false
}

// through connects to the world's broker through the gate.
func (g *gate) through(tb testing.TB, w *world) jetstream.JetStream {
	tb.Helper()
	conn, err := nats.Connect(w.server.URL(), nats.SetCustomDialer(g), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	require.NoError(tb, err)
	tb.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(tb, err)
	return js
}
