package subscribers_test

import (
	"bytes"
	"context"
	"net"
	"sync/atomic"
	"time"
)

// point is a place where a process can be stopped: at something that it says to PostgreSQL or to the broker.
type point struct {
	said  string // what is looked for in the bytes that are written
	after string // PostgreSQL only: what was said before it on the same connection, in the same transaction
	when  moment
}

type moment int

const (
	before   moment = iota // the other side has not heard it
	sent                   // it has, or will
	answered               // it has answered
)

const (
	claimsEvents = "inbox_claim"
	tries        = "{}" // a claim of no events: whether the inbox is there
	givesUp      = "inbox_give_up"
	commits      = "commit\x00"
	buries       = "HPUB deadletters.events."
	inside       = "in the handler"
)

// points are the places, by name. A handler stops by itself inside.
func points() map[string]point {
	return map[string]point{
		"before the claim":                      {said: claimsEvents, when: before},
		"before the handler":                    {said: claimsEvents, when: answered},
		"before the commit":                     {said: commits, after: claimsEvents, when: before},
		"after the commit":                      {said: commits, after: claimsEvents, when: answered},
		"before the ack":                        {said: "+ACK", when: before},
		"after the ack":                         {said: "+ACK", when: sent},
		"before the nak":                        {said: "-NAK", when: before},
		"after the nak":                         {said: "-NAK", when: sent},
		"before the dead letter":                {said: buries, when: before},
		"after the dead letter":                 {said: buries, when: sent},
		"before the dead row's commit":          {said: commits, after: givesUp, when: before},
		"after the dead row's commit":           {said: commits, after: givesUp, when: answered},
		"before the term, dead letter is there": {said: "+TERM", when: before},
		"after the term":                        {said: "+TERM", when: sent},
	}
}

// tripwire stops the process once, where one of its connections comes to a point.
type tripwire struct {
	point point
	stop  func() // does not return before the process may go on
	done  atomic.Bool
}

func (t *tripwire) spring() {
	if t.done.CompareAndSwap(false, true) {
		t.stop()
	}
}

// Dial is nats.CustomDialer's.
func (t *tripwire) Dial(network, address string) (net.Conn, error) {
	return t.dial(context.Background(), network, address)
}

func (t *tripwire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, address)
	return &trippedConn{Conn: conn, wire: t}, err
}

// trippedConn is a connection with a tripwire. A driver reads and writes from different goroutines.
type trippedConn struct {
	net.Conn

	wire    *tripwire
	heard   atomic.Bool // what has to come before the point, in the transaction that is open
	waiting atomic.Bool // the next answer is that of the point
}

func (c *trippedConn) Write(text []byte) (int, error) {
	if !c.arrives(text) {
		return c.Conn.Write(text)
	}
	if c.wire.point.when == before {
		c.wire.spring()
	}
	c.waiting.Store(c.wire.point.when == answered)
	n, err := c.Conn.Write(text)
	if c.wire.point.when == sent {
		c.wire.spring()
	}
	return n, err
}

func (c *trippedConn) Read(into []byte) (int, error) {
	n, err := c.Conn.Read(into)
	if n > 0 && c.waiting.CompareAndSwap(true, false) {
		c.wire.spring()
	}
	return n, err
}

// arrives tells whether what is written next is the point.
func (c *trippedConn) arrives(text []byte) bool {
	has := func(part string) bool {
		return part != "" && bytes.Contains(text, []byte(part)) && !bytes.Contains(text, []byte(tries))
	}
	wanted := c.wire.point
	if wanted.after == "" {
		return has(wanted.said)
	}
	if has(wanted.after) {
		c.heard.Store(true)
	}
	return has(wanted.said) && c.heard.CompareAndSwap(true, false)
}
