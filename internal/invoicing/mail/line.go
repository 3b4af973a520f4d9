package mail

import (
	"context"
	"crypto/tls"
	"errors"
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
	plain, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err //nolint:wrapcheck // Send does
	}
	var conn net.Conn = &bounded{plain, maxAnswers}
	if l.secured != nil {
		secured := tls.Client(conn, l.secured)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = plain.Close() // why there is no use for it says more
			return nil, err   //nolint:wrapcheck // likewise
		}
		conn = secured
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

// maxAnswers is how many bytes a server may send for one mail, its certificates included. An honest one needs a few thousand.
const maxAnswers = 256 << 10

var errTalksOn = errors.New("the server's answers have no end")

// bounded reads no more than a server has to say: the library keeps an answer whole, however long it is.
type bounded struct {
	net.Conn

	left int // bytes
}

func (b *bounded) Read(into []byte) (n int, err error) {
	if b.left == 0 {
		return 0, errTalksOn
	}
	n, err = b.Conn.Read(into[:min(len(into), b.left)])
	b.left -= n
	return n, err //nolint:wrapcheck // it is the connection's own
}
