package webhook_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

const requestTimeout = 30 * time.Second

// post posts to an endpoint on this machine, which may be there.
func post(t *testing.T, poster webhook.Poster, url string, timeout time.Duration) (webhook.Answer, error) {
	t.Helper()
	return poster.Do(t.Context(), webhook.Target{URL: url, Timeout: timeout, Private: true, Secrets: []webhook.Secret{webhook.NewSecret()}},
		uuid.New(), []byte(`{"specversion":"1.0"}`))
}

// serve runs an endpoint until the test ends.
func serve(t *testing.T, handle http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return server
}

// raw is an endpoint that speaks for itself: each connection's request is read, then it is given to speak.
func raw(t *testing.T, speak func(conn net.Conn)) (url string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			speak(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-served
	})
	return "http://" + listener.Addr().String()
}

func TestRequest(t *testing.T) {
	t.Parallel()
	former, latest := webhook.NewSecret(), webhook.NewSecret()
	id, body := uuid.New(), `{"specversion":"1.0","data":{}}`
	asked := make(chan *http.Request, 1)
	read := make(chan string, 1)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		asked <- r
		read <- string(text)
		w.WriteHeader(http.StatusNoContent)
	})
	got, err := webhook.NewPoster(t, nil, nil).Do(t.Context(), webhook.Target{
		URL: server.URL + "/hooks?a=b%20c", Timeout: requestTimeout, Private: true, Secrets: []webhook.Secret{latest, former},
	}, id, []byte(body))
	require.NoError(t, err)
	require.NoError(t, got.Fault)
	require.Equal(t, http.StatusNoContent, got.Status)
	require.Equal(t, "204 No Content", got.Text)
	request := <-asked
	require.Equal(t, body, <-read)
	require.Equal(t, http.MethodPost, request.Method)
	require.Equal(t, "/hooks?a=b%20c", request.RequestURI)
	require.EqualValues(t, len(body), request.ContentLength)
	for name, want := range map[string]string{
		"Content-Type": "application/cloudevents+json; charset=UTF-8", "Webhook-Id": id.String(), "User-Agent": "contrail/dev", "Accept-Encoding": "",
	} {
		require.Equal(t, want, request.Header.Get(name), name)
	}
	require.Len(t, request.Header, 6, "and Content-Length, and no other: %v", request.Header)
	for _, secret := range []webhook.Secret{former, latest} {
		require.NoError(t, verifier(t, secret).Verify([]byte(body), request.Header))
		require.Error(t, verifier(t, secret).Verify([]byte(body+" "), request.Header))
	}
}

// Each attempt is signed when it is made: receivers refuse what is five minutes old.
func TestAttemptsAreSignedAnew(t *testing.T) {
	t.Parallel()
	times := make(chan string, 2)
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) { times <- r.Header.Get("Webhook-Timestamp") })
	for _, at := range []time.Time{time.Unix(1_000_000, 999), time.Unix(2_000_000, 0)} {
		_, err := post(t, webhook.NewPoster(t, nil, nil).At(at), server.URL, requestTimeout)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"1000000", "2000000"}, []string{<-times, <-times})
}

func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 3000)) // more than what is kept
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	poster := webhook.NewPoster(t, nil, nil)
	for range 5 {
		got, err := post(t, poster, server.URL, requestTimeout)
		require.NoError(t, err)
		require.NoError(t, got.Fault)
	}
	require.EqualValues(t, 1, connections.Load())
}

// An endpoint may close a connection that was kept just when it is used again: that is nobody's failure.
func TestKeptConnectionsThatWereClosed(t *testing.T) {
	t.Parallel()
	url := raw(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		_, _ = conn.Read(make([]byte, 1)) // until the next request is on its way
	})
	poster := webhook.NewPoster(t, nil, nil)
	for range 20 {
		got, err := post(t, poster, url, requestTimeout)
		require.NoError(t, err)
		require.NoError(t, got.Fault)
	}
}

func TestHTTP2(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	got, err := post(t, webhook.NewPoster(t, rootsOf(server), nil), server.URL, requestTimeout)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, got.Status)
}

func rootsOf(server *httptest.Server) *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return roots
}

func TestCertificatesAreVerified(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	quiet := func(server *httptest.Server) *httptest.Server {
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		server.StartTLS()
		t.Cleanup(server.Close)
		return server
	}
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	modern, old := quiet(httptest.NewUnstartedServer(handler)), httptest.NewUnstartedServer(handler)
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	quiet(old)

	_, err := post(t, webhook.NewPoster(t, nil, nil), modern.URL, requestTimeout)
	require.ErrorContains(t, err, "the endpoint's certificate is not valid: ")
	_, err = post(t, webhook.NewPoster(t, rootsOf(modern), nil), strings.Replace(modern.URL, "127.0.0.1", "localhost", 1), requestTimeout)
	require.ErrorContains(t, err, "the endpoint's certificate is not valid: ", "it is another's")
	_, err = post(t, webhook.NewPoster(t, rootsOf(old), nil), old.URL, requestTimeout)
	require.ErrorContains(t, err, "protocol version")
	_, err = post(t, webhook.NewPoster(t, nil, nil), strings.Replace(modern.URL, "https", "http", 1), requestTimeout)
	require.NoError(t, err, "a server of TLS answers 400 in plain text")
	plain := serve(t, handler)
	_, err = post(t, webhook.NewPoster(t, nil, nil), strings.Replace(plain.URL, "http", "https", 1), requestTimeout)
	require.Error(t, err)
	require.Zero(t, asked.Load())
	_, err = post(t, webhook.NewPoster(t, rootsOf(modern), nil), modern.URL, requestTimeout)
	require.NoError(t, err)
	require.EqualValues(t, 1, asked.Load())
}

func TestFailuresAreExplained(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := "http://" + listener.Addr().String()
	require.NoError(t, listener.Close())
	_, err = post(t, webhook.NewPoster(t, nil, nil), nobody+"/?token=hunter2", requestTimeout)
	require.ErrorContains(t, err, "no connection to the endpoint: ")
	require.NotContains(t, err.Error(), "hunter2")
	_, err = post(t, webhook.NewPoster(t, nil, resolver(t, nil)), "http://nobody.example/", requestTimeout)
	require.EqualError(t, err, "the endpoint's name can't be resolved: no such host")
	_, err = post(t, webhook.NewPoster(t, nil, nil), raw(t, func(net.Conn) {}), requestTimeout)
	require.ErrorContains(t, err, "the endpoint has closed the connection before it answered")
	_, err = post(t, webhook.NewPoster(t, nil, nil), "http://[::1/?token=hunter2", requestTimeout)
	require.EqualError(t, err, "the endpoint's URL can't be read")

	begun := make(chan struct{})
	hanging := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // as the server looks for the end of the connection only behind it
		begun <- struct{}{}
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("the process stops")
	go func() {
		<-begun
		cancel(stopped)
	}()
	_, err = webhook.NewPoster(t, nil, nil).Do(ctx, webhook.Target{URL: hanging.URL, Timeout: requestTimeout, Private: true}, uuid.New(), nil)
	require.ErrorIs(t, err, stopped)
}
