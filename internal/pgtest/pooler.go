package pgtest

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
)

// Pooler runs a proxy in front of a PostgreSQL server that pools transactions over so many connections, as PgBouncer does with pool_mode =
// transaction, and returns its URL: the server's, with another host and port.
//
// A client has one of the connections from the first message of a transaction, or of a statement outside any, to its end; for the next
// it is given the one that has been free for longest. What a session leaves behind is there for whoever comes next. A client that goes in
// the middle of a transaction takes its connection with it, and another is opened when it is needed. What a client sends to prepare its
// session when it connects is ignored. The proxy ends with the test.
func Pooler(tb testing.TB, address string, connections int) string {
	tb.Helper()
	config, err := pgconn.ParseConfig(address)
	require.NoError(tb, err)
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	p := &pooler{config: config, free: make(chan *place, connections), clients: make(map[uint32]*pooledClient)}
	for range connections {
		p.free <- &place{}
	}
	p.running.Go(func() { p.accept(ctx, listener) })
	tb.Cleanup(func() {
		cancel()
		_ = listener.Close()
		p.running.Wait()
		for range connections {
			(<-p.free).empty()
		}
	})
	through, err := url.Parse(address)
	require.NoError(tb, err)
	through.Host = listener.Addr().String()
	return through.String()
}

type pooler struct {
	config  *pgconn.Config
	free    chan *place // that no client has, in turn
	running sync.WaitGroup

	mu      sync.Mutex
	clients map[uint32]*pooledClient // by the number that a client was given for requests to cancel
	last    uint32
}

// place is for one connection to the server, which is opened when it is needed.
type place struct {
	conn    *pgconn.HijackedConn
	sending sync.Mutex // an answer may be there, and the place be another client's, before the one that sent has returned
}

// send sends on the connection that the client was given; when that broke there may be another by now, and another client's.
func (p *place) send(given *pgconn.HijackedConn, message pgproto3.FrontendMessage) error {
	p.sending.Lock()
	defer p.sending.Unlock()
	if p.conn != given {
		return net.ErrClosed
	}
	given.Frontend.Send(message)
	return given.Frontend.Flush() //nolint:wrapcheck // only the client's end is told, by being closed
}

func (p *place) fill(ctx context.Context, config *pgconn.Config) error {
	if p.conn != nil {
		return nil
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return err //nolint:wrapcheck // likewise
	}
	p.sending.Lock()
	defer p.sending.Unlock()
	p.conn, err = conn.Hijack()
	return err //nolint:wrapcheck // likewise
}

func (p *place) empty() {
	p.sending.Lock()
	defer p.sending.Unlock()
	if p.conn != nil {
		_ = p.conn.Conn.Close()
		p.conn = nil
	}
}

// take waits for a free place.
func (p *pooler) take(ctx context.Context) (*place, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err() //nolint:wrapcheck // the test's end
	case place := <-p.free:
		if err := place.fill(ctx, p.config); err != nil {
			p.free <- place
			return nil, err
		}
		return place, nil
	}
}

func (p *pooler) accept(ctx context.Context, listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() {
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer stop()
			defer func() { _ = conn.Close() }()
			p.serve(ctx, conn)
		})
	}
}

// serve reads a client's first messages, and has it served for as long as it stays.
func (p *pooler) serve(ctx context.Context, conn net.Conn) {
	backend := pgproto3.NewBackend(conn, conn)
	for {
		message, err := backend.ReceiveStartupMessage()
		if err != nil {
			return
		}
		switch message := message.(type) {
		case *pgproto3.SSLRequest, *pgproto3.GSSEncRequest:
			if _, err := conn.Write([]byte("N")); err != nil {
				return
			}
		case *pgproto3.CancelRequest:
			p.cancel(ctx, message.ProcessID)
			return
		case *pgproto3.StartupMessage:
			client := &pooledClient{pooler: p, conn: conn, backend: backend}
			number := p.register(client)
			defer p.unregister(number)
			if p.welcome(ctx, backend, number) == nil {
				client.run(ctx)
			}
			return
		}
	}
}

func (p *pooler) register(client *pooledClient) (number uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	p.clients[p.last] = client
	return p.last
}

func (p *pooler) unregister(number uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.clients, number)
}

// welcome lets everybody in: the password was the proxy's to give.
func (p *pooler) welcome(ctx context.Context, backend *pgproto3.Backend, number uint32) error {
	place, err := p.take(ctx)
	if err != nil {
		return err
	}
	backend.Send(&pgproto3.AuthenticationOk{})
	for name, value := range place.conn.ParameterStatuses {
		backend.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
	}
	p.free <- place
	backend.Send(&pgproto3.BackendKeyData{ProcessID: number, SecretKey: make([]byte, 4)})
	backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	return backend.Flush() //nolint:wrapcheck // likewise
}

// cancel passes a request on to the server's process that works for the client.
func (p *pooler) cancel(ctx context.Context, number uint32) {
	p.mu.Lock()
	client := p.clients[number]
	p.mu.Unlock()
	if client == nil {
		return
	}
	if request := client.cancelRequest(); request != nil {
		conn, err := p.config.DialFunc(ctx, "tcp", net.JoinHostPort(p.config.Host, portOf(p.config)))
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		frontend := pgproto3.NewFrontend(conn, conn)
		frontend.Send(request)
		if frontend.Flush() == nil {
			_, _ = io.Copy(io.Discard, conn) // the server closes when it has passed it on
		}
	}
}
