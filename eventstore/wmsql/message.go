package wmsql

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// toMessage makes a message of an event: the one that was published, or one that shows what another program appended.
func toMessage(event contrail.Recorded) *message.Message {
	id, ok := event.Metadata[keyUUID]
	if !ok {
		id = event.ID.String()
	}
	msg := message.NewMessage(id, payload(event.Data, event.Metadata[keyPayload]))
	msg.Metadata = unfolded(event.Metadata)
	msg.Metadata[KeyID] = event.ID.String()
	msg.Metadata[KeyStream] = event.Stream.String()
	msg.Metadata[KeyVersion] = strconv.FormatInt(event.Version, 10)
	msg.Metadata[KeyType] = event.Type
	msg.Metadata[KeyPosition] = strconv.FormatInt(int64(event.Position), 10)
	msg.Metadata[KeyRecordedAt] = event.RecordedAt.Format(time.RFC3339Nano)
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
