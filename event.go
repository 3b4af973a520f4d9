package contrail

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// Position is an event's place in the global order of one store: above zero, ascending, with gaps where a transaction rolled back.
// Zero stands before the first event.
type Position int64

// Payload is the body of an event that knows its own type, as a domain declares it. EventType must work on the zero value.
type Payload interface {
	EventType() string
}

// Event is something that happened and is yet to be appended.
type Event struct {
	ID       uuid.UUID // unique in the store, and the message id in the stream; zero: Append assigns a UUIDv7
	Type     string    // ASCII letters, digits and '_', beginning with a letter, at most MaxTypeBytes; as in InvoiceDrafted
	Data     any       // marshalled with encoding/json; a json.RawMessage is taken as it is
	Metadata Metadata  // may be nil

	// DataSubject names the person whom Data is about, such as "contact-42"; "" for nobody. The store then keeps Data encrypted with the
	// key of that person, and can make it unreadable for ever. It needs a store with keys.
	DataSubject string
}

// PersonalData is a payload about a person, whose events can be made unreadable. See [Event.DataSubject].
type PersonalData interface {
	DataSubject() string
}

// MetadataCarrier is a payload with facts that belong into the event's metadata, since its body has no place for them.
type MetadataCarrier interface {
	EventMetadata() Metadata
}

// NewEvent makes an event of a payload. The metadata of a [MetadataCarrier] and the subject of [PersonalData] go along.
func NewEvent(payload Payload) Event {
	event := Event{Type: payload.EventType(), Data: payload}
	if personal, ok := payload.(PersonalData); ok {
		event.DataSubject = personal.DataSubject()
	}
	if carrier, ok := payload.(MetadataCarrier); ok {
		event.Metadata = carrier.EventMetadata()
	}
	return event
}

// Validate returns an [*InvalidError] for a type or metadata that the store would refuse. It does not look at Data.
func (e Event) Validate() error {
	if reason := checkType(e.Type); reason != "" {
		return &InvalidError{What: "event type", Value: e.Type, Reason: reason}
	}
	return e.Metadata.Validate()
}

// Recorded is an event that stands in the store.
type Recorded struct {
	Position   Position        // place in the global order
	ID         uuid.UUID       // unique in the store
	Stream     StreamID        // the aggregate it belongs to
	Version    int64           // 1, 2, 3 … within the stream
	Type       string          // what happened
	Data       json.RawMessage // the body
	Metadata   Metadata        // never nil when read from the store
	RecordedAt time.Time       // by the database's clock, in UTC

	Sealed bool // Data is ciphertext, since the reader was given no keys
	Erased bool // Data was about a person and is unreadable for ever: it is null
}

// Delivered is an event as it reaches a handler: what was recorded, its body decoded, and how it was delivered.
type Delivered[T any] struct {
	Recorded
	Data     T // the decoded body; Recorded.Data keeps it raw
	Delivery Delivery
}

// Delivery tells how an event came to a consumer.
type Delivery struct {
	Consumer string // the durable's or the projection's name
	Sequence uint64 // the message's sequence in the JetStream stream
	Attempt  int    // 1 on the first delivery
	Source   string // the CloudEvent's source, which names the store and the relay; "" where it was read from the store
}
