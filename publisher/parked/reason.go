package parked

import "slices"

// Reason is why an event is not in its place in the stream. It says what the event's fault is and stays for ever; what the broker
// answered is the delivery error, and stands apart.
type Reason string

// The reasons.
const (
	ReasonMessageTooLarge Reason = "message_too_large" // larger than the server's max_payload, or the stream's max_msg_size
	ReasonInvalidSubject  Reason = "invalid_subject"   // its names or its metadata make no legal subject
	ReasonRefused         Reason = "refused"           // by the broker, for a reason of its own: see the error
	ReasonHeld            Reason = "held"              // stands behind a parked event of its stream
	ReasonMissing         Reason = "missing"           // was found to be gone from the stream
	ReasonLost            Reason = "lost"              // was lost on its way to a stream that others write to as well
)

// Reasons returns all of them.
func Reasons() []Reason {
	return []Reason{ReasonMessageTooLarge, ReasonInvalidSubject, ReasonRefused, ReasonHeld, ReasonMissing, ReasonLost}
}

// Valid tells whether r is one of [Reasons].
func (r Reason) Valid() bool { return slices.Contains(Reasons(), r) }

// Meaning is what it says, for people.
func (r Reason) Meaning() string {
	switch r {
	case ReasonMessageTooLarge:
		return "larger than the server's max_payload or the stream's max_msg_size"
	case ReasonInvalidSubject:
		return "its names or its metadata make no legal subject"
	case ReasonRefused:
		return "the broker does not take it"
	case ReasonHeld:
		return "an event before it in its own stream was parked"
	case ReasonMissing:
		return "it was gone from the stream"
	case ReasonLost:
		return "it was lost on its way to a stream that others write to as well"
	}
	return "left out by a relay of another version"
}

// Cure is what to do about it before the event is requeued.
func (r Reason) Cure() string {
	switch r {
	case ReasonMessageTooLarge:
		return "Raise the limit that the error names"
	case ReasonInvalidSubject:
		return "Give the relay a subject that the event fits into"
	case ReasonRefused, ReasonHeld, ReasonMissing, ReasonLost:
	}
	return "Do away with what the error names"
}
