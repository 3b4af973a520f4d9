package pgfault

import (
	"net"
	"os"
	"sync"
	"syscall"
)

// conn is one connection to the server. One goroutine may read from it while another one writes.
type conn struct {
	net.Conn
	network *Network

	mu       sync.Mutex
	sent     stream
	received stream
	ready    []byte            // of what the server has said: whole messages that the client has not read yet
	started  bool              // the startup message has gone: from then on messages have types
	trip     int               // the one under way, whose last message has not come yet; 0: none
	fault    *Fault            // its
	asked    int               // trips that have begun here, and the startup: each is answered by ReadyForQuery
	answered int               // of them
	prepared map[string]string // statements by name
	cut      *cut
}

// cut is what is to become of a connection.
type cut struct {
	fault Fault
	keep  int // answers that the client gets
	await int // answers that must have come before the connection breaks
	done  bool
}

// Write passes on what is ahead of a fault, and swallows the rest: it tells the client nothing, as a network does not.
func (c *conn) Write(data []byte) (int, error) {
	if forward := c.take(data); len(forward) > 0 {
		if _, err := c.Conn.Write(forward); err != nil {
			return 0, err //nolint:wrapcheck // pgx tells errors of the network by their type
		}
	}
	c.breakIfDue()
	return len(data), nil
}

// Read returns what the server says, up to a fault.
func (c *conn) Read(data []byte) (int, error) {
	for {
		c.breakIfDue()
		if count, err := c.deliver(data); count > 0 || err != nil {
			return count, err
		}
		chunk := make([]byte, max(len(data), 4096))
		count, err := c.Conn.Read(chunk)
		c.hear(chunk[:count])
		if err != nil && count == 0 {
			return 0, c.translate(err)
		}
	}
}

// take returns what of the client's data is to be sent.
func (c *conn) take(data []byte) (forward []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent.add(data)
	for c.cut == nil {
		message, found := c.sent.next(c.started)
		if !found {
			break
		}
		c.ask(message)
		if c.cut == nil || c.cut.fault.Mode == After { // which is cut by the trip's last message, and Before by its first
			forward = append(forward, message...)
		}
	}
	return forward
}

// ask follows what the client asks for.
func (c *conn) ask(message []byte) {
	if !c.started {
		if isStartup(message) {
			c.started, c.asked = true, 1
		}
		return
	}
	switch message[0] {
	case msgPassword, msgCopyData, msgCopyDone, msgCopyFail, msgTerminate:
		return // belong to what was asked for before
	}
	if c.trip == 0 {
		c.asked++
		c.trip, c.fault = c.network.begin()
	}
	c.note(message)
	if c.fault != nil && c.fault.Mode == Before {
		c.cut = &cut{fault: *c.fault, keep: c.asked - 1, await: c.asked - 1}
		return
	}
	switch message[0] {
	case msgQuery, msgSync, msgFunctionCall:
		if c.fault != nil {
			c.cut = &cut{fault: *c.fault, keep: c.asked - 1, await: c.asked}
		}
		c.trip, c.fault = 0, nil
	}
}

// note remembers the statement that a message is about.
func (c *conn) note(message []byte) {
	switch message[0] {
	case msgQuery:
		c.network.note(c.trip, words(message, 1)[0])
	case msgParse:
		parsed := words(message, 2)
		if c.prepared == nil {
			c.prepared = map[string]string{}
		}
		c.prepared[parsed[0]] = parsed[1]
		c.network.note(c.trip, "prepare "+parsed[1])
	case msgBind:
		name := words(message, 2)[1]
		if text, found := c.prepared[name]; found {
			name = text
		}
		c.network.note(c.trip, name)
	}
}

// hear takes what the server says.
func (c *conn) hear(data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.started { // the answer to a request for TLS is a single byte
		c.ready = append(c.ready, data...)
		return
	}
	c.received.add(data)
	for {
		message, found := c.received.next(true)
		if !found {
			return
		}
		if c.cut == nil || c.answered < c.cut.keep {
			c.ready = append(c.ready, message...)
		}
		switch message[0] {
		case msgReadyForQuery:
			c.answered++
		case msgCopyInResponse, msgCopyBothResponse: // the server waits for data, which no fault sends
			if c.cut != nil && c.answered == c.cut.keep {
				c.answered = c.cut.await
			}
		}
	}
}

// deliver gives the client what it may have of what was heard.
func (c *conn) deliver(data []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	count := copy(data, c.ready)
	if c.ready = c.ready[count:]; len(c.ready) == 0 {
		c.ready = nil
	}
	if count == 0 && c.cut != nil && c.cut.done {
		return 0, reset()
	}
	return count, nil
}

// breakIfDue breaks the connection when all that is to come before has come. It holds the lock, so that the client goes on when Kill has
// returned, and not before.
func (c *conn) breakIfDue() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut == nil || c.cut.done || c.answered < c.cut.await {
		return
	}
	c.cut.done = true
	c.network.strike(c.cut.fault)
	_ = c.Close()
}

// translate makes the end of a connection that a fault has broken look as if the other side had reset it.
func (c *conn) translate(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut != nil && c.cut.done {
		return reset()
	}
	return err
}

func reset() error {
	return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
}
