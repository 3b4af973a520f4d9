package subscribers

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// Reason says why an event became a dead letter.
type Reason string

// The reasons.
const (
	ReasonPermanent   Reason = "permanent"   // a handler said that no retry will cure it
	ReasonExhausted   Reason = "exhausted"   // the last delivery failed too
	ReasonUndecodable Reason = "undecodable" // the data does not fit the handler's type, or can't be decrypted
	ReasonForeign     Reason = "foreign"     // the message is not an event of Contrail's
	ReasonAbandoned   Reason = "abandoned"   // its last delivery was interrupted, or not started, because the process was stopped
	ReasonCrashed     Reason = "crashed"     // nobody answered its last delivery: the processes that had it died, or hung
	ReasonTerminated  Reason = "terminated"  // another client told the broker not to deliver it again
	ReasonReplay      Reason = "replay"      // it is no dead letter: a person has the event handled again
)

// Headers of a dead letter, beside the event's own.
const (
	HeaderConsumer    = "Contrail-Consumer"
	HeaderReason      = "Contrail-Reason"
	HeaderError       = "Contrail-Error"       // one line
	HeaderErrorChain  = "Contrail-Error-Chain" // JSON array of strings, outermost first
	HeaderStack       = "Contrail-Stack"       // JSON string; of a panic
	HeaderDeliveries  = "Contrail-Deliveries"
	HeaderPublishedAt = "Contrail-Published-At" // RFC 3339, when the stream took the event
	HeaderFailedAt    = "Contrail-Failed-At"    // RFC 3339
	HeaderStream      = "Contrail-Stream"
	HeaderSubject     = "Contrail-Subject"
	HeaderSequence    = "Contrail-Sequence"
	HeaderMsgID       = "Contrail-Msg-Id"       // the event's Nats-Msg-Id
	HeaderReplays     = "Contrail-Replays"      // how often it was requeued; absent: never
	HeaderCausationID = "Contrail-Causation-Id" // of a requeued event: the Nats-Msg-Id of the dead letter
)

// DeadLetter is an event that a consumer could not handle: its message as it was, and what became of it. In the stream of dead letters
// the payload and the headers are the event's own, untouched, so that an event in either format can be read there, and the rest stands in
// further headers.
type DeadLetter struct {
	Consumer    string
	Reason      Reason
	Error       string   // the last error, in one line
	ErrorChain  []string // the last error and those that it wraps, outermost first
	Stack       string   // where it panicked, if it did
	Deliveries  int
	PublishedAt time.Time // when the stream took the event
	FailedAt    time.Time // when it failed for the last time
	Stream      string    // the JetStream stream that the event stands in
	Subject     string    // the event's own subject
	Sequence    uint64    // its sequence in Stream
	MsgID       string    // its Nats-Msg-Id, which is, or begins with, the event's id; empty if it had none
	Replays     int       // how often it was requeued before it failed like this
	CausationID string    // the Nats-Msg-Id of the dead letter that was requeued last; empty if none was

	Header nats.Header // the event's other headers, without those that steer the broker
	Data   []byte      // the event's payload
}

// ErrNotDeadLetter says that a message is not a dead letter of Contrail's.
var ErrNotDeadLetter = errors.New("not a dead letter")

// ParseDeadLetter reads a message of the stream of dead letters, given its headers and payload. The error wraps [ErrNotDeadLetter].
func ParseDeadLetter(header nats.Header, data []byte) (DeadLetter, error) {
	r := headerReader{header: header}
	letter := DeadLetter{
		Consumer: r.required(HeaderConsumer), Reason: Reason(r.required(HeaderReason)),
		Stream: r.required(HeaderStream), Subject: r.required(HeaderSubject), MsgID: header.Get(HeaderMsgID),
		Error: header.Get(HeaderError), CausationID: header.Get(HeaderCausationID), Header: ownHeaders(header), Data: data,
	}
	if header.Get(HeaderReplays) != "" {
		letter.Replays = parsed(&r, HeaderReplays, strconv.Atoi)
	}
	letter.Deliveries = parsed(&r, HeaderDeliveries, strconv.Atoi)
	letter.Sequence = parsed(&r, HeaderSequence, func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) })
	letter.PublishedAt = parsed(&r, HeaderPublishedAt, parseTime)
	letter.FailedAt = parsed(&r, HeaderFailedAt, parseTime)
	r.json(HeaderErrorChain, &letter.ErrorChain)
	r.json(HeaderStack, &letter.Stack)
	if r.err != nil {
		return DeadLetter{}, fmt.Errorf("%w: %w", ErrNotDeadLetter, r.err)
	}
	return letter, nil
}

func parseTime(s string) (time.Time, error) {
	return time.Parse(time.RFC3339Nano, s) //nolint:wrapcheck // the reader names the header
}
