package publisher

import (
	"fmt"

	"github.com/contrail-events/contrail/internal/wire"
)

// Format is how an event becomes a message.
type Format = wire.Format

// The formats.
const (
	// Structured makes a message one CloudEvent in JSON, with every attribute in its payload. Any tool shows it whole.
	Structured = wire.Structured
	// Binary makes the event's data the payload, and puts the attributes into headers that begin with ce-. Each header costs the relay some speed.
	Binary = wire.Binary
)

// Fence is what keeps a message out of the stream that does not belong at its end.
type Fence int

// The fences.
const (
	// LastSequence makes every message name the sequence that it must follow. The stream holds every event once and in position order, however
	// long the relay was down and even if two relays believe that they lead. The relay must be the stream's only writer.
	LastSequence Fence = iota
	// MsgID relies on the broker's deduplication by message id, for a stream that others write to as well. In exchange: events are in position
	// order as long as nothing goes wrong; one that is lost on its way is found when the relay asks the broker where it is, and published then,
	// marked, behind later ones. What the network still holds back of a lost connection may come later than that, unmarked. And an event may be
	// there twice when two relays believe that they lead for longer than the stream's duplicate window.
	MsgID
)

// ParseFence reads last-sequence or msg-id.
func ParseFence(s string) (Fence, error) {
	for _, fence := range []Fence{LastSequence, MsgID} {
		if s == fence.String() {
			return fence, nil
		}
	}
	return 0, fmt.Errorf("fence %q is not one of last-sequence, msg-id", s)
}

// String is what ParseFence reads.
func (f Fence) String() string {
	if f == MsgID {
		return "msg-id"
	}
	return "last-sequence"
}

// OnPermanent is what a relay does with an event that is refused Config.Attempts times.
type OnPermanent int

// The choices.
const (
	// Park leaves the event out, writes it down in contrail.parked, and goes on with every later event, those of its own stream included: a
	// consumer meets version 4 of a stream without version 3. An event that is requeued later is published at the stream's end, marked, behind events
	// with higher positions.
	Park OnPermanent = iota
	// PerStream parks the event and holds the later events of its stream, each of which is written down as well, while other streams go on.
	// A stream's own order is kept; the order between streams is that of positions but for those that were held. When a person requeues or
	// discards the parked event, those that it held follow, in their order. It needs the fence [LastSequence].
	PerStream
	// Halt stops the relay in front of the event with a [*RefusedError]. Position order is kept, and nothing is published until it is taken.
	Halt
)

// ParseOnPermanent reads park, per-stream or halt.
func ParseOnPermanent(s string) (OnPermanent, error) {
	for _, choice := range []OnPermanent{Park, PerStream, Halt} {
		if s == choice.String() {
			return choice, nil
		}
	}
	return 0, fmt.Errorf("%q is not one of park, per-stream, halt", s)
}

// String is what ParseOnPermanent reads.
func (o OnPermanent) String() string {
	switch o {
	case PerStream:
		return "per-stream"
	case Halt:
		return "halt"
	case Park:
	}
	return "park"
}
