package subscribers

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// advisory is what a broker says of an event that it won't deliver any more: nobody has answered for the last delivery, or somebody has
// terminated it. There is no payload; the message is named by its sequence.
type advisory struct {
	Type       string    `json:"type"`
	Time       time.Time `json:"timestamp"`
	Stream     string    `json:"stream"`
	Consumer   string    `json:"consumer"`
	Sequence   uint64    `json:"stream_seq"`
	Deliveries int       `json:"deliveries"`
	Reason     string    `json:"reason"` // of a termination

	repeated bool // it was delivered before
}

// The two types, and their subjects, which go on with .<stream>.<consumer>.
const (
	typeExhausted  = "io.nats.jetstream.advisory.v1.max_deliver"
	typeTerminated = "io.nats.jetstream.advisory.v1.terminated"

	subjectExhausted  = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES"
	subjectTerminated = "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED"
)

// parseAdvisory reads an advisory. Anybody may publish on its subject, so anything may be in it.
func parseAdvisory(data []byte) (advisory, error) {
	var a advisory
	if err := json.Unmarshal(data, &a); err != nil {
		return advisory{}, fmt.Errorf("read an advisory: %w", err)
	}
	switch {
	case a.Type != typeExhausted && a.Type != typeTerminated:
		return advisory{}, fmt.Errorf("read an advisory: its type is %q, neither %s nor %s", a.Type, typeExhausted, typeTerminated)
	case a.Sequence == 0 || a.Time.IsZero() || a.Deliveries < 0:
		return advisory{}, errors.New("read an advisory: it does not say which event was given up, or when, or after how many deliveries")
	}
	return a, nil
}

// ours tells whether it was a subscription that terminated the event, after it had published the dead letter.
func (a advisory) ours() bool {
	return a.Type == typeTerminated && strings.HasPrefix(a.Reason, termPrefix)
}

// clockSkew is how far the clocks of a broker's servers, and of its clients, may be apart without an event being mistaken for another one.
const clockSkew = 5 * time.Second

// isOver tells whether the advisory is about the past: the consumer was reset or made anew since, so that it delivers the event again. One that was
// made to begin behind the event does not; nor does one that is reset and has passed it again: what the inbox knows decides then.
func (a advisory) isOver(consumer *jetstream.ConsumerInfo) bool {
	first := uint64(firstSequence)
	if consumer.Config.DeliverPolicy == jetstream.DeliverByStartSequencePolicy {
		first = consumer.Config.OptStartSeq
	}
	return consumer.Delivered.Stream < a.Sequence || a.precedes(consumer.Created) && a.Sequence >= first
}

func (a advisory) precedes(then time.Time) bool { return a.Time.Add(clockSkew).Before(then) }

// cause says in an operator's words what became of the event.
func (a advisory) cause(gone bool) error {
	text := fmt.Sprintf("nobody answered its last delivery, of %d: each process that had it died, or hung, or lost its connection, before it could say "+
		"what failed; look in its log and the system's for an exit, a fatal error or a want of memory", a.Deliveries)
	if a.Type == typeTerminated {
		text = fmt.Sprintf("it was terminated, by another client of the broker's or by the broker itself: %q", a.Reason)
	}
	if gone {
		text += fmt.Sprintf("; message %d is not in stream %s any more, so its payload is lost", a.Sequence, a.Stream)
	}
	return errors.New(text)
}

func (a advisory) deadReason() Reason {
	if a.Type == typeTerminated {
		return ReasonTerminated
	}
	return ReasonCrashed
}
