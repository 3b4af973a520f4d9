package subscribers

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// CQRSMarshaler is the marshaler for Watermill's CQRS component (cqrs.CommandEventMarshaler) that knows an event by its type, which each event
// has that comes from the store: the stock ones go by a name in the metadata that only their own Marshal leaves there. Give it to the event
// processors that read from a [Subscriber], and to the event bus that publishes through eventstore/wmsql. The zero value works, also for several
// goroutines.
type CQRSMarshaler struct{}

// Marshal makes a message of an event: JSON, with a new UUID, the type under [KeyType], and the metadata of a [contrail.MetadataCarrier]. It
// refuses [contrail.PersonalData], which would be stored readable: that is appended with the event store.
func (m CQRSMarshaler) Marshal(event any) (*message.Message, error) {
	name := m.Name(event)
	if personal, ok := event.(contrail.PersonalData); ok && personal.DataSubject() != "" {
		return nil, fmt.Errorf("marshal a %s: it is about a person; append it with the event store, which encrypts it", name)
	}
	payload, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("marshal a %s: %w", name, err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("marshal a %s: make an id: %w", name, err)
	}
	msg := message.NewMessage(id.String(), payload)
	if carrier, ok := event.(contrail.MetadataCarrier); ok {
		for key, value := range carrier.EventMetadata() {
			msg.Metadata.Set(key, value)
		}
	}
	msg.Metadata.Set(KeyType, name)
	return msg, nil
}

// Unmarshal reads a message's payload into event, a pointer. The payload of an event whose data was about a person and is unreadable for ever is
// null, and leaves event as it is. The error is [contrail.Permanent]: the payload stays what it is.
func (CQRSMarshaler) Unmarshal(msg *message.Message, event any) error {
	if err := json.Unmarshal(msg.Payload, event); err != nil {
		return contrail.Permanent(fmt.Errorf("decode the data of a %s: %w", msg.Metadata.Get(KeyType), err))
	}
	return nil
}

// Name returns the event type of a value, or of what it points to: what its EventType method says ([contrail.Payload]), or else the name of its Go
// type without that of the package.
func (CQRSMarshaler) Name(event any) string {
	if payload, ok := event.(contrail.Payload); ok {
		return payload.EventType()
	}
	name := fmt.Sprintf("%T", event)
	return name[strings.LastIndexAny(name, ".*")+1:]
}

// NameFromMessage returns the event type that a message names.
func (CQRSMarshaler) NameFromMessage(msg *message.Message) string { return msg.Metadata.Get(KeyType) }
