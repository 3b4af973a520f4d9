package proxytest

import (
	"net"
	"sync"
	"sync/atomic"
)

// link is one client's connection and the one to the upstream that belongs to it. Each direction is a chain of toxics.
type link struct {
	client, upstream net.Conn
	network          *network
	ended            sync.WaitGroup // both directions
}

func newLink(client, upstream net.Conn, through *network) *link {
	l := &link{client: client, upstream: upstream, network: through}
	l.ended.Add(2)
	return l
}

// cut ends both connections by a reset. A second time it does nothing.
func (l *link) cut() {
	reset(l.client)
	reset(l.upstream)
}

// reset closes a connection so that its other end gets a reset.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// outlet is where a chain of toxics ends: it writes to one of the link's connections for as long as that takes data, and swallows the rest.
type outlet struct {
	net.Conn
	link   *link
	broken atomic.Bool
}

// Write never fails, since the chain would be left with what it holds.
func (o *outlet) Write(data []byte) (int, error) {
	if !o.broken.Load() {
		if _, err := o.Conn.Write(data); err != nil {
			o.broken.Store(true)
			o.link.cut()
		}
	}
	return len(data), nil
}

// Close is called once, when the chain has ended. The end is passed on, as the chain's toxics want it.
func (o *outlet) Close() error {
	defer o.link.ended.Done()
	if o.link.network.resets.Load() > 0 {
		o.link.cut()
		return nil
	}
	return o.Conn.Close() //nolint:wrapcheck // what is done is what is called
}
