package api_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/api"
)

// slow is a server whose requests begin, and end when they are let. Closing end lets them.
type slow struct {
	address    string
	begun, end chan struct{}
	stop       context.CancelFunc
	ended      chan error
}

func startSlow(t *testing.T, config api.ServerConfig) *slow {
	t.Helper()
	s := &slow{begun: make(chan struct{}), end: make(chan struct{}), ended: make(chan error, 1)}
	server := api.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.begun <- struct{}{}
		select {
		case <-s.end:
			_, _ = io.WriteString(w, "done")
		case <-r.Context().Done():
		}
	}), config)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.address = listener.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	t.Cleanup(stop)
	go func() { s.ended <- server.Run(ctx, listener) }()
	return s
}

// ask begins a request, and tells what is answered.
func (s *slow) ask(t *testing.T) <-chan string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	answers := make(chan string, 1)
	go func() {
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			answers <- err.Error()
			return
		}
		defer func() { _ = response.Body.Close() }()
		text, _ := io.ReadAll(response.Body)
		answers <- string(text)
	}()
	<-s.begun
	return answers
}

// At the end no more connections are taken, and the requests at work are answered.
func TestServerDrains(t *testing.T) {
	t.Parallel()
	s := startSlow(t, api.ServerConfig{})
	answer := s.ask(t)
	s.stop()
	require.Eventually(t, func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.address)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, patience, time.Millisecond)
	select {
	case err := <-s.ended:
		require.Fail(t, "it did not wait", "%v", err)
	default:
	}
	close(s.end)
	require.Equal(t, "done", <-answer)
	require.NoError(t, <-s.ended)
}

// Those that are not done in time are cut off, and that is told.
func TestServerCutsOff(t *testing.T) {
	t.Parallel()
	s := startSlow(t, api.ServerConfig{DrainTimeout: 20 * time.Millisecond})
	answer := s.ask(t)
	s.stop()
	require.ErrorContains(t, <-s.ended, "still at work after 20ms")
	require.NotEqual(t, "done", <-answer)
}

// Who sends no header, no body, or nothing at all, is hung up on.
func TestServerHangsUp(t *testing.T) {
	t.Parallel()
	s := startSlow(t, api.ServerConfig{HeaderTimeout: 20 * time.Millisecond, ReadTimeout: 40 * time.Millisecond, IdleTimeout: 20 * time.Millisecond})
	close(s.end)
	go func() { <-s.begun }() // of the one with a header
	for _, text := range []string{"", "GET / HTTP/1.1\r\nHost:", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.address)
		require.NoError(t, err)
		_, err = io.WriteString(conn, text)
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
		_, err = io.ReadAll(conn)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NoError(t, conn.Close())
	}
	s.stop()
	require.NoError(t, <-s.ended)
}

func TestServerCantListen(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	require.ErrorContains(t, api.NewServer(http.NotFoundHandler(), api.ServerConfig{}).Run(t.Context(), listener), "serve on 127.0.0.1:")
}
