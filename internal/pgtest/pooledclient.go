package pgtest

import (
	"context"
	"net"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// pooledClient is a client of the pooler's. One goroutine hands its messages on, and another the answers, for as long as it has a place.
type pooledClient struct {
	pooler    *pooler
	conn      net.Conn
	backend   *pgproto3.Backend
	answering sync.WaitGroup

	mu       sync.Mutex
	place    *place // nil between transactions
	awaited  int    // answers: a ReadyForQuery for each Query and Sync
	halfSent bool   // something was sent since the last Query or Sync
}

// run returns when the client goes, or its connection to the server does.
func (c *pooledClient) run(ctx context.Context) {
	defer c.answering.Wait()
	defer c.leave()
	for {
		message, err := c.backend.Receive()
		if err != nil {
			return
		}
		if _, over := message.(*pgproto3.Terminate); over {
			return
		}
		place, given, err := c.assign(ctx, message)
		if err != nil {
			return
		}
		if place.send(given, message) != nil {
			return
		}
	}
}

// assign returns where the message goes. From then on the place stays the client's until the message is answered.
func (c *pooledClient) assign(ctx context.Context, message pgproto3.FrontendMessage) (*place, *pgconn.HijackedConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.place == nil {
		place, err := c.pooler.take(ctx)
		if err != nil {
			return nil, nil, err
		}
		c.answering.Wait() // the last words of the place before
		c.place = place
		c.answering.Go(func() { c.answer(place) })
	}
	switch message.(type) {
	case *pgproto3.Query, *pgproto3.Sync, *pgproto3.FunctionCall:
		c.awaited++
		c.halfSent = false
	case *pgproto3.CopyData, *pgproto3.CopyDone, *pgproto3.CopyFail: // belong to a statement that was sent
	default:
		c.halfSent = true
	}
	return c.place, c.place.conn, nil
}

// answer passes on what the server says, until the place is free again.
func (c *pooledClient) answer(place *place) {
	from := place.conn.Frontend
	for over := false; !over; {
		message, err := from.Receive()
		if err != nil {
			_ = c.conn.Close()
			c.release()
			place.empty()
			break
		}
		c.backend.Send(message)
		ready, isReady := message.(*pgproto3.ReadyForQuery)
		over = isReady && c.settle(ready.TxStatus)
		if isReady || from.ReadBufferLen() == 0 {
			_ = c.backend.Flush() // a client that has gone is noticed where it is read from
		}
	}
	c.pooler.free <- place
}

// settle counts an answer, and tells whether the place is free: outside a transaction, and with nothing asked any more.
func (c *pooledClient) settle(status byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.awaited--
	if status != 'I' || c.awaited > 0 || c.halfSent {
		return false
	}
	c.place = nil
	return true
}

func (c *pooledClient) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.place = nil
}

// leave ends the connection that the client has, if it has one, and with it the transaction.
func (c *pooledClient) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.place != nil {
		_ = c.place.conn.Conn.Close()
	}
}

// cancelRequest is what ends the statement that the client waits for, or nil.
func (c *pooledClient) cancelRequest() *pgproto3.CancelRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.place == nil {
		return nil
	}
	return &pgproto3.CancelRequest{ProcessID: c.place.conn.PID, SecretKey: c.place.conn.SecretKey}
}

func portOf(config *pgconn.Config) string { return strconv.Itoa(int(config.Port)) }
