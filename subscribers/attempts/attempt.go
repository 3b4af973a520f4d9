package attempts

import (
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// Verdict is what became of a delivery.
type Verdict string

// The verdicts. The journal has Retried, DeadLetter, and Handled and Skipped where they are not those of a first delivery.
const (
	Handled    Verdict = "handled"     // the handler took effect
	Skipped    Verdict = "skipped"     // the handler answered with contrail.Skip
	Retried    Verdict = "retried"     // it failed, and is delivered again
	DeadLetter Verdict = "dead_letter" // it failed for the last time
	Duplicate  Verdict = "duplicate"   // it had been handled before, or is in hand
	Unhandled  Verdict = "unhandled"   // nobody asks for its type
)

// Verdicts returns all of them.
func Verdicts() []Verdict {
	return []Verdict{Handled, Skipped, Retried, DeadLetter, Duplicate, Unhandled}
}

// Attempt is one delivery of an event to a consumer, and what became of it.
type Attempt struct {
	Event    uuid.UUID         `json:"event"`            // its id
	Stream   string            `json:"stream"`           // the JetStream stream that it stands in
	Durable  string            `json:"durable"`          // the consumer
	Position contrail.Position `json:"position"`         // of the event
	Sequence uint64            `json:"sequence"`         // of the event in Stream
	Delivery int               `json:"delivery"`         // 1 for the first
	Replays  int               `json:"replays"`          // how often a person had requeued it by then
	Verdict  Verdict           `json:"verdict"`          //
	Reason   string            `json:"reason,omitempty"` // why it became a dead letter, in a word, or why it was skipped
	Error    string            `json:"error,omitempty"`  // in one line, cut off after 1 KiB
	Began    time.Time         `json:"began"`            // when its handler was called; of an attempt that did not come so far, when it ended
	Seconds  float64           `json:"seconds"`          // that it took
	Process  string            `json:"process"`          // host:pid
}

// SubjectPrefix begins every subject of the journal.
const SubjectPrefix = "contrail.attempts."

// Subject is where the attempt stands in the journal: contrail.attempts.<stream>.<durable>.<event id>.
func (a Attempt) Subject() string {
	return SubjectPrefix + a.Stream + "." + a.Durable + "." + a.Event.String()
}

// MessageID is the same for the same attempt, however often it is told, and for no other.
func (a Attempt) MessageID() string {
	return a.Subject() + "." + strconv.Itoa(a.Delivery) + "." + strconv.FormatInt(a.Began.UnixNano(), 10)
}
