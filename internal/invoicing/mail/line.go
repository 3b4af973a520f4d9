package mail

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
)

// line is the connection of one mail, if there is one by now. The library closes none over which it could not agree with the server.
type line struct {
	secured *tls.Config // TLS from the first byte; nil: not from there

	mu    sync.Mutex
	conn  net.Conn
	isCut bool
}

// dial is how the library connects.
func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dial := (&net.Dialer{}).DialContext
	if l.secured != nil {
		dial = (&tls.Dialer{Config: l.secured}).DialContext
	}
	conn, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = conn
	if l.isCut {
		_ = conn.Close() // nobody waits for it any more
	}
	return conn, nil
}

// cut ends the connection, wherever the dialogue stands, and one that is about to be.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = true
	if l.conn != nil {
		_ = l.conn.Close() // closed twice is closed
	}
}
