package wire

import (
	"encoding/json"
	"maps"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/contrail-events/contrail"
)

// Keys that the metadata of every Watermill message has that is an event. They tell what event it is.
const (
	KeyID         = "contrail_id"          // the event's id: a UUID
	KeyStream     = "contrail_stream"      // as in invoice-42
	KeyVersion    = "contrail_version"     // within the stream, in decimal
	KeyType       = "contrail_type"        // as in InvoiceDrafted
	KeyPosition   = "contrail_position"    // in the global order, in decimal
	KeyRecordedAt = "contrail_recorded_at" // RFC 3339, in UTC
)

// Keys of the metadata of an event that was published by Watermill's SQL publisher: what the message had that an event has no place for.
const (
	KeyUUID    = "watermill_uuid"     // the message's UUID, where it is not the event's id
	KeyFolded  = "watermill_metadata" // a JSON object of the metadata that Contrail's rules for keys do not allow
	KeyPayload = "watermill_payload"  // EncodedBase64: the data is a JSON string that holds the payload so
)

// EncodedBase64 is what KeyPayload says of a payload that is no JSON.
const EncodedBase64 = "base64"

// WatermillMessage makes a Watermill message of an event: its id is the UUID, which thus is another one for each event; its data the payload,
// its metadata the metadata, with the six keys above. An event that Watermill's SQL publisher has appended gets its message's own payload
// and metadata back. KeyUUID stays among the metadata then: one message, published to several topics, is several events with that UUID.
//
// The payload shares the event's memory; the metadata is the message's own.
func WatermillMessage(event contrail.Recorded) *message.Message {
	msg := message.NewMessage(event.ID.String(), watermillPayload(event))
	msg.Metadata = unfolded(event.Metadata)
	msg.Metadata[KeyID] = msg.UUID
	msg.Metadata[KeyStream] = event.Stream.String()
	msg.Metadata[KeyVersion] = strconv.FormatInt(event.Version, 10)
	msg.Metadata[KeyType] = event.Type
	msg.Metadata[KeyPosition] = strconv.FormatInt(int64(event.Position), 10)
	msg.Metadata[KeyRecordedAt] = event.RecordedAt.UTC().Format(time.RFC3339Nano)
	return msg
}

// watermillPayload is the data, or what was encoded in it. Data that is not what KeyPayload says is left alone: another program has written it.
func watermillPayload(event contrail.Recorded) message.Payload {
	if event.Metadata[KeyPayload] != EncodedBase64 {
		return message.Payload(event.Data)
	}
	var decoded []byte
	if err := json.Unmarshal(event.Data, &decoded); err != nil {
		return message.Payload(event.Data)
	}
	return decoded
}

// unfolded is a message's metadata as it was before it was an event's. Where another program has written something else under the keys that
// it goes by, it stays as it is.
func unfolded(stored contrail.Metadata) message.Metadata {
	metadata := make(message.Metadata, len(stored)+6) // the keys of every message
	maps.Copy(metadata, stored)
	delete(metadata, KeyPayload)
	var folded map[string]string
	if json.Unmarshal([]byte(stored[KeyFolded]), &folded) == nil {
		delete(metadata, KeyFolded)
		maps.Copy(metadata, folded)
	}
	return metadata
}
