package wmsql

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/jsonb"
)

// entry is one element of the batch that contrail.publish takes.
type entry struct {
	identity

	Stream contrail.StreamID `json:"stream"`
	Type   string            `json:"type"`
	Data   json.RawMessage   `json:"data"`
	Copy   *identity         `json:"copy,omitempty"` // if the id is that of an event in another stream
}

// identity is what a message that is published to a second topic gets anew.
type identity struct {
	ID       uuid.UUID         `json:"id"`
	Metadata contrail.Metadata `json:"metadata"`
}

// destination is a topic and what it stands for.
type destination struct {
	topic  string
	filter Filter
}

// entry makes an event of a message.
func (a *SchemaAdapter) entry(to destination, msg *message.Message) (entry, error) {
	kind, err := a.kind(to, msg)
	if err != nil {
		return entry{}, err
	}
	stream, err := a.stream(to, msg)
	if err != nil {
		return entry{}, err
	}
	data, encoding, err := a.data(kind, msg.Payload)
	if err != nil {
		return entry{}, err
	}
	metadata, err := storedMetadata(msg)
	if err != nil {
		return entry{}, err
	}
	if encoding != "" {
		metadata[keyPayload] = encoding
	}
	made := entry{Stream: stream, Type: kind, Data: data}
	if err := made.identify(msg, metadata); err != nil {
		return entry{}, err
	}
	return made, a.checkSize(made)
}

// kind is the event's type. One that a received message brings along from elsewhere, and that the topic does not hold, does not count.
func (a *SchemaAdapter) kind(to destination, msg *message.Message) (string, error) {
	brought := func(kind string) string {
		if received(msg) && !to.filter.holdsType(kind) {
			return ""
		}
		return kind
	}
	kind := cmp.Or(
		brought(msg.Metadata.Get(KeyType)),
		a.config.Type(to.topic, msg),
		brought(lastSegment(msg.Metadata.Get(keyName))),
		to.filter.onlyType(),
		DefaultType,
	)
	if err := (contrail.Event{Type: kind}).Validate(); err != nil {
		return "", fmt.Errorf("%w: name one in the metadata (wmsql.KeyType), or set wmsql.Config.Type", err)
	}
	if !to.filter.holdsType(kind) {
		return "", &contrail.InvalidError{What: "event type", Value: kind, Reason: notHeld(to.topic)}
	}
	return kind, nil
}

// stream is the event's stream. One that a received message brings along from elsewhere, and that the topic does not hold, does not count.
func (a *SchemaAdapter) stream(to destination, msg *message.Message) (contrail.StreamID, error) {
	var stream contrail.StreamID
	if named := msg.Metadata.Get(KeyStream); named != "" {
		parsed, err := contrail.ParseStreamID(named)
		if err != nil {
			return stream, err
		}
		if !received(msg) || to.filter.holdsStream(parsed) {
			stream = parsed
		}
	}
	if stream.IsZero() {
		stream = a.config.Stream(to.topic, msg)
	}
	if stream.IsZero() {
		stream = to.filter.defaultStream(to.topic)
	}
	if err := stream.Validate(); err != nil {
		return stream, fmt.Errorf("%w: name one in the metadata (wmsql.KeyStream), or set wmsql.Config.Stream", err)
	}
	if !to.filter.holdsStream(stream) {
		return stream, &contrail.InvalidError{What: "stream", Value: stream.String(), Reason: notHeld(to.topic)}
	}
	return stream, nil
}

func notHeld(topic string) string {
	return fmt.Sprintf("is not of topic %q, whose subscribers would never see it: publish to another topic, or set wmsql.Config.Topic", topic)
}

// identify gives the event its id, such that whoever publishes the message again gives it the same one, and keeps the message's UUID beside it
// where the id is not the same.
func (e *entry) identify(msg *message.Message, metadata contrail.Metadata) error {
	given, err := uuid.Parse(msg.UUID)
	e.identity = identity{given, metadata}
	derived := identity{derivedID(e.Stream, msg), metadata.With(keyUUID, msg.UUID)}
	switch {
	case msg.UUID == "" || err == nil && given == uuid.Nil: // names nothing
		e.identity = derived
		if e.ID, err = uuid.NewV7(); err != nil {
			return fmt.Errorf("make an id: %w", err)
		}
	case err != nil || received(msg):
		e.identity = derived
	case given.String() != msg.UUID: // in capitals, say
		e.identity, e.Copy = identity{given, derived.Metadata}, &derived
	default:
		e.Copy = &derived
	}
	return checkText("UUID of message", msg.UUID)
}

// derivedID is a UUIDv5 (RFC 9562) of the stream and the message: where it was received, of the event that it was, since the same message may
// come back to a stream that it has been in.
func derivedID(stream contrail.StreamID, msg *message.Message) uuid.UUID {
	name := fmt.Sprintf("watermill:%q %q %q", stream, msg.UUID, msg.Metadata.Get(KeyID))
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(name))
}

// received tells whether a subscriber got the message from the store.
func received(msg *message.Message) bool { return msg.Metadata.Get(KeyID) != "" }

func (a *SchemaAdapter) checkSize(e entry) error {
	size := jsonb.StoredSize(e.Data)
	for key, value := range e.Metadata {
		size += len(key) + len(value) + len(`"":"",`)
	}
	if size <= a.config.MaxEventBytes {
		return nil
	}
	reason := fmt.Sprintf("has %d bytes of data and metadata, more than the %d allowed (wmsql.Config.MaxEventBytes)", size, a.config.MaxEventBytes)
	return &contrail.InvalidError{What: "event type", Value: e.Type, Reason: reason}
}
