package proxytest

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

const dialTimeout = 10 * time.Second // to the upstream, which is on this machine

// Proxy is between a client and one upstream. Its methods may be called from several goroutines; those that can go wrong fail the test, and
// belong into the test's own goroutine.
type Proxy struct {
	tb       testing.TB
	upstream string
	server   *toxiproxy.ApiServer
	listener net.Listener
	accepts  sync.WaitGroup

	mu       sync.Mutex
	enabled  bool
	links    map[*link]struct{}
	ended    int
	networks []*network // the chains of toxics: the last one for new connections, the others of those that are half open
}

// New starts a proxy to upstream, as in 127.0.0.1:5432, on a port of its own. At the end of the test it is closed, with all its
// connections.
func New(tb testing.TB, upstream string) *Proxy {
	tb.Helper()
	registerToxics()
	p := &Proxy{tb: tb, upstream: upstream, enabled: true, links: map[*link]struct{}{}}
	p.server = toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p.networks = []*network{newNetwork(p.server)}
	var config net.ListenConfig
	listener, err := config.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	p.listener = listener
	p.accepts.Go(p.accept)
	tb.Cleanup(p.close)
	return p
}

// Addr is the address to connect to, host:port. It stays the same.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Disable cuts every connection, and new ones right after they were accepted, until Enable. The port stays the proxy's.
func (p *Proxy) Disable() {
	p.mu.Lock()
	p.enabled = false
	p.mu.Unlock()
	p.Reset()
}

// Enable lets new connections through again.
func (p *Proxy) Enable() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.enabled = true
}

// Add puts toxics at the end of the chain, for connections that are there and for new ones.
func (p *Proxy) Add(toxics ...Toxic) {
	p.tb.Helper()
	for _, toxic := range toxics {
		require.NoError(p.tb, p.newest().add(toxic))
	}
}

// Remove removes every toxic, also from connections that are half open, which end by that.
func (p *Proxy) Remove() {
	p.tb.Helper()
	p.mu.Lock()
	networks := p.networks
	p.networks = []*network{networks[len(networks)-1]}
	p.mu.Unlock()
	for _, each := range networks {
		require.NoError(p.tb, each.removeAll(context.WithoutCancel(p.tb.Context())))
	}
}

// HalfOpen makes the connections that there are carry nothing any more: they stay open, and neither end is told, until one closes its own. New
// connections are well, and have no toxics. It is what a firewall does that has forgotten its connections.
func (p *Proxy) HalfOpen() {
	p.tb.Helper()
	p.mu.Lock()
	dead := p.networks[len(p.networks)-1]
	p.networks = append(p.networks, newNetwork(p.server))
	p.mu.Unlock()
	require.NoError(p.tb, dead.add(Timeout(0)))
}

// Reset cuts every connection at once, and both ends are told so by a TCP reset. New ones are well.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for link := range p.links {
		link.cut()
	}
}

// Connections is how many connections there are just now.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

// Ended is how many connections have come to their end since the proxy was made: a test waits for it to see that something was cut.
func (p *Proxy) Ended() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

// accept links each client to the upstream, until the listener is closed.
func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.accepts.Go(func() { p.connect(client) })
	}
}

// connect serves one client to its end, and closes it at once where there is nothing to connect it to.
func (p *Proxy) connect(client net.Conn) {
	if !p.isEnabled() {
		reset(client)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.tb.Context()), dialTimeout)
	defer cancel()
	upstream, err := new(net.Dialer).DialContext(ctx, "tcp", p.upstream)
	if err != nil {
		reset(client)
		return
	}
	added := newLink(client, upstream, p.newest())
	p.mu.Lock()
	p.links[added] = struct{}{}
	if !p.enabled { // since it was asked for above
		added.cut()
	}
	p.mu.Unlock()
	added.network.start(added) // not under the lock: where a toxic comes or goes, it waits for that
	p.forget(added)
}

func (p *Proxy) newest() *network {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.networks[len(p.networks)-1]
}

func (p *Proxy) isEnabled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.enabled
}

// forget waits for the end of both directions.
func (p *Proxy) forget(ended *link) {
	ended.ended.Wait()
	ended.cut()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, ended)
	p.ended++
}

// close returns when every connection is gone.
func (p *Proxy) close() {
	_ = p.listener.Close()
	p.Disable()
	p.Remove()
	p.accepts.Wait()
}
