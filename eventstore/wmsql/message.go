package wmsql

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// toMessage makes a message of an event: the one that was published, or one that shows what another program appended.
func toMessage(event contrail.Recorded) *message.Message {
	published, ok := event.Metadata[keyUUID]
	if !ok {
		return wire.WatermillMessage(event)
	}
	event.Metadata = maps.Clone(event.Metadata)
	delete(event.Metadata, keyUUID)
	msg := wire.WatermillMessage(event)
	msg.UUID = published
	return msg
}

// Recorded is the event that a received message is, for whatever takes one: [contrail.CausedBy], or a decoder. Its metadata is that of the
// message, without the keys that Contrail's rules do not allow; its data is the payload. The error wraps [contrail.ErrInvalid], for a
// message that did not come from a subscriber with a [SchemaAdapter].
func Recorded(msg *message.Message) (contrail.Recorded, error) {
	var faults []error
	event := contrail.Recorded{
		Position:   contrail.Position(read(msg, KeyPosition, parseInt, &faults)),
		ID:         read(msg, KeyID, uuid.Parse, &faults),
		Stream:     read(msg, KeyStream, contrail.ParseStreamID, &faults),
		Version:    read(msg, KeyVersion, parseInt, &faults),
		Type:       msg.Metadata.Get(KeyType),
		Data:       []byte(msg.Payload),
		Metadata:   contrail.Metadata{},
		RecordedAt: read(msg, KeyRecordedAt, parseTime, &faults),
	}
	if len(faults) > 0 {
		return contrail.Recorded{}, fmt.Errorf("message %q: %w", msg.UUID, errors.Join(faults...))
	}
	for key, value := range msg.Metadata {
		if !isOwn(key) && (contrail.Metadata{key: value}).Validate() == nil {
			event.Metadata[key] = value
		}
	}
	event.Sealed = event.Metadata[contrail.KeySealedWith] != ""
	return event, nil
}

// read parses what the message has under key.
func read[T any](msg *message.Message, key string, parse func(string) (T, error), faults *[]error) T {
	text := msg.Metadata.Get(key)
	value, err := parse(text)
	if err != nil {
		reason := "of metadata " + key + " does not come from the event store"
		*faults = append(*faults, &contrail.InvalidError{What: "value", Value: text, Reason: reason})
	}
	return value
}

func parseInt(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) } //nolint:wrapcheck // read has words of its own

func parseTime(text string) (time.Time, error) { return time.Parse(time.RFC3339Nano, text) } //nolint:wrapcheck // likewise
