package deadletters

import (
	"time"

	"github.com/nats-io/nats.go"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// Letter is a message of the stream of dead letters.
type Letter struct {
	// DeadLetter is what the subscription has written. Of a message that is malformed, Reason is [ReasonMalformed], Error says what is wrong,
	// Consumer is what its subject says, and Header and Data are all that it has. Of one that is discarded, Header and Data are empty.
	subscribers.DeadLetter

	In       string             // the stream of dead letters that it stands in
	ID       uint64             // its sequence there: the number that a person types; never used again
	State    State              // where it stands
	StoredAt time.Time          // when the broker took it; of one that is requeued or discarded: when it was
	Event    *contrail.Recorded // the event; nil: it is none of Contrail's, or its payload is gone. Data may be encrypted
	Decision Decision           // of one that is requeued or discarded: who has decided so, and why
	Progress Progress           // of one that is requeued: how far its consumer is; else empty

	kind string      // of the event, as the subject says it: category.type
	raw  nats.Header // all that the message has
}

// Malformed tells whether it is no dead letter of a subscription's at all.
func (l Letter) Malformed() bool { return l.Reason == ReasonMalformed }

// Since is when it came to be in its state: when the event failed, was requeued or was discarded.
func (l Letter) Since() time.Time {
	if l.State == Dead && !l.FailedAt.IsZero() {
		return l.FailedAt
	}
	return l.StoredAt
}

// category and eventType are empty where it is not known to be an event.
func (l Letter) category() string {
	if l.Event != nil {
		return l.Event.Stream.Category()
	}
	category, _ := splitKind(l.kind)
	return category
}

func (l Letter) eventType() string {
	if l.Event != nil {
		return l.Event.Type
	}
	_, name := splitKind(l.kind)
	return name
}
