package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// What a connection may cost. A request's own timeout bounds all of them together.
const (
	dialTimeout     = 10 * time.Second
	tlsTimeout      = 10 * time.Second
	idleTimeout     = 90 * time.Second
	idlePerHost     = 64
	idleConnections = 1024

	maxHeaderBytes = 16 << 10 // of an answer; of all that comes ahead of it (1xx), too
	maxBuffer      = 64 << 10 // of HTTP/2, of each request and of each connection

	pingAfter = 15 * time.Second // of silence on a connection of HTTP/2
	pingGrace = 5 * time.Second
)

// target is what a request has to know of its endpoint.
type target struct {
	url     string
	secrets []Secret      // that are valid, the newest first
	timeout time.Duration // for all of it: the name, the connection, the request, the answer's headers
	private bool          // it may be in a private network
}

// clientConfig is what tests change, and nobody else.
type clientConfig struct {
	roots    *x509.CertPool // nil: those of the system
	resolver *net.Resolver  // nil: the system's
}

// client posts requests to endpoints. It follows no redirect, heeds no proxy of the environment, sends no cookies, undoes no compression, and connects to no
// address that its guard refuses. It is safe for concurrent use.
//
// The two kinds of endpoints share no connection: one that leads into a private network is never used for an endpoint that may not be there.
type client struct {
	public, private *http.Transport
	agent           string
	now             func() time.Time
}

func newClient(config clientConfig) *client {
	return &client{
		public: newTransport(newGuard(false), config), private: newTransport(newGuard(true), config), agent: userAgent(), now: time.Now,
	}
}

// close gives idle connections back. Requests that are under way go on.
func (c *client) close() {
	c.public.CloseIdleConnections()
	c.private.CloseIdleConnections()
}

func newTransport(guarded guard, config clientConfig) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second, Resolver: config.resolver, Control: guarded.control}
	return &http.Transport{
		Proxy: nil, DialContext: dialer.DialContext,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: config.roots},
		TLSHandshakeTimeout: tlsTimeout, ForceAttemptHTTP2: true,
		MaxIdleConns: idleConnections, MaxIdleConnsPerHost: idlePerHost, IdleConnTimeout: idleTimeout,
		DisableCompression: true, MaxResponseHeaderBytes: maxHeaderBytes,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: pingAfter, PingTimeout: pingGrace, MaxReceiveBufferPerConnection: maxBuffer, MaxReceiveBufferPerStream: maxBuffer,
		},
	}
}

// do posts body once, under id, and returns what the endpoint has answered, be it good or bad. An error says that there is no answer, and why.
func (c *client) do(ctx context.Context, to target, id uuid.UUID, body []byte) (answer, error) {
	// With a cause, so that an error tells whose time was up.
	timed, cancel := context.WithTimeoutCause(ctx, to.timeout, &timeoutError{to.timeout})
	defer cancel()
	request, err := c.newRequest(timed, to, id, body)
	if err != nil {
		return answer{}, err
	}
	transport := c.public
	if to.private {
		transport = c.private
	}
	begun := time.Now()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return answer{took: time.Since(begun)}, explained(timed, err)
	}
	defer response.Body.Close() //nolint:errcheck // nothing was written to it
	defer time.AfterFunc(bodyPatience, cancel).Stop()
	got := readAnswer(response, c.now())
	got.took = time.Since(begun)
	return got, nil
}
