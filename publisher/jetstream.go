package publisher

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/publisher/parked"
)

// stream is a JetStream stream as a destination.
type stream struct {
	js       jetstream.JetStream
	subjects wire.Subjects
}

// carrier returns one that goes on behind at.
func (s *stream) carrier(l *lead, at cursor) carrier {
	return &jetStreamCarrier{
		conn: s.js.Conn(), acks: newAcks(s.js.Conn(), l.config.Stream, l.config.AckTimeout), subjects: s.subjects,
		source: wire.Source(l.config.Name, l.store), format: l.config.Format,
		fenced: l.config.Fence == LastSequence, hook: l.hook, sequence: at.sequence,
	}
}

// jetStreamCarrier publishes the events of a batch without waiting in between.
type jetStreamCarrier struct {
	conn     *nats.Conn
	acks     *acks
	subjects wire.Subjects
	source   string
	format   Format
	fenced   bool // each message names the sequence that it must follow
	hook     func(point string)

	sequence uint64   // of the last message sent; where others write as well, only a number. Touched only by whose turn it is,
	envelope envelope // and so is this
}

// close has nobody read acknowledgements any more.
func (c *jetStreamCarrier) close() { c.acks.close() }

// contentType is shared by all messages; nats.go only reads it.
var contentType = []string{wire.ContentType} //nolint:gochecknoglobals // a constant, but for the language

// envelope is a message that is filled again and again: the client has copied it when PublishMsg returns.
type envelope struct {
	nats.Msg

	payload   []byte
	id, fence [1]string
}

func (c *jetStreamCarrier) send(_ context.Context, b *batch) (func(context.Context) error, error) {
	after := c.sequence
	w, err := c.acks.begin(len(b.events))
	if err != nil {
		return func(context.Context) error { return nil }, fmt.Errorf("publish a batch: %w", translateBroker(err))
	}
	n, err := c.sendAll(b, w)
	w.sent(n)
	return func(ctx context.Context) error {
		sequences, err := c.settle(b, w.wait(ctx), after)
		switch {
		case c.fenced:
			b.sequence = after + uint64(n) //nolint:gosec // a count
		case n > 0:
			b.sequence = sequences[n-1]
		}
		if b.resent != nil {
			b.sequences = sequences
		}
		return err
	}, err
}

// sendAll hands the whole batch to the client, or what comes before an event that can't be sent, and returns the number of messages. What is not sent at
// once, since the connection is lost, is not sent at all.
func (c *jetStreamCarrier) sendAll(b *batch, w *answers) (n int, err error) {
	for i := range b.events {
		if i == len(b.events)/2 {
			c.hook("in mid-batch")
		}
		if err := c.fill(&c.envelope, b, i, c.sequence); err != nil {
			return i, err
		}
		c.envelope.Reply = w.replyTo(i)
		err := c.acks.intact()
		if err == nil {
			err = c.conn.PublishMsg(&c.envelope.Msg)
		}
		if err != nil {
			return i, c.explain(b, i, c.sequence, err)
		}
		c.sequence++
	}
	return len(b.events), nil
}

// fill makes the message of one event, which must follow after. The error is a [*RefusedError].
func (c *jetStreamCarrier) fill(e *envelope, b *batch, index int, after uint64) (err error) {
	event := b.events[index]
	if e.Subject, err = c.subjects.Of(event); err != nil {
		refused := refusedBy(event, err)
		refused.Reason = parked.ReasonInvalidSubject
		return refused
	}
	if e.Header == nil {
		e.Header = make(nats.Header, 8)
	}
	clear(e.Header)
	if c.format == Binary {
		wire.BinaryHeader(e.Header, c.source, event)
		e.Data = event.Data
	} else {
		e.Header[wire.HeaderContentType] = contentType
		e.payload = wire.Append(e.payload[:0], c.source, event)
		e.Data = e.payload
	}
	e.id[0], e.fence[0] = event.ID.String(), strconv.FormatUint(after, 10)
	if b.resent != nil { // the broker may remember the id of an event that it has lost
		e.id[0] += "." + e.fence[0]
		wire.Mark(e.Header, b.resent[index], b.through)
	}
	e.Header[wire.HeaderMsgID] = e.id[:]
	if c.fenced {
		e.Header[wire.HeaderFence] = e.fence[:]
	}
	if trace := event.Metadata[contrail.KeyTraceparent]; isTraceparent(trace) {
		e.Header[wire.HeaderTraceparent] = []string{trace}
	}
	return nil
}

// settle returns the sequences that a batch was given, and the first error. An acknowledgement must name the very sequence that was meant, if one
// was. A duplicate at that sequence is the same event, stored by an earlier try.
func (c *jetStreamCarrier) settle(b *batch, got []outcome, after uint64) (sequences []uint64, first error) {
	sequences = make([]uint64, len(got))
	for i, one := range got {
		expected := after + uint64(i)
		if c.fenced && one.err == nil && one.sequence != expected+1 {
			one.err = fmt.Errorf("%w: acknowledged as message %d instead of %d", errFenced, one.sequence, expected+1)
		}
		if one.err != nil && first == nil {
			first = c.explain(b, i, expected, one.err)
		}
		sequences[i] = one.sequence
	}
	return sequences, first
}

// explain names the event that an error is about. It may be called while another batch is sent.
func (c *jetStreamCarrier) explain(b *batch, index int, after uint64, err error) error {
	event := b.events[index]
	if reason := refusalReason(err); reason != "" {
		var again envelope
		_ = c.fill(&again, b, index, after) // it could be filled before
		return &RefusedError{
			Position: event.Position, Stream: event.Stream, Version: event.Version, Bytes: again.Size(), Reason: reason, Err: err,
		}
	}
	if isFenced(err) && !errors.Is(err, errFenced) {
		err = fmt.Errorf("%w: %w", errFenced, err)
	}
	return fmt.Errorf("publish position %d: %w", event.Position, translateBroker(err))
}

// isTraceparent keeps what is no W3C trace context, a line break say, out of the headers.
func isTraceparent(s string) bool {
	if len(s) != 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
