package main

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A server that takes the connection and says nothing, as one that was stopped does: a signal need not wait for it, and its silence is one clause.
func TestConnectingToASilentServer(t *testing.T) {
	t.Parallel()
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	a := newApp(globals{ConnectTimeout: time.Minute}, "drain", nil, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errInterrupted)
	_, _, err = a.openJetStreamAt(ctx, "nats://"+silent.Addr().String())
	require.ErrorIs(t, err, errInterrupted)

	a.ConnectTimeout = 50 * time.Millisecond
	_, _, err = a.openJetStreamAt(t.Context(), "nats://"+silent.Addr().String())
	require.EqualError(t, err, "NATS at "+silent.Addr().String()+" can't be used: i/o timeout; start it, or correct NATS_URL")
}
