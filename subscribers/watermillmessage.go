package subscribers

import (
	"maps"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// Keys of the metadata that every Watermill message has which is an event. They tell what event it is.
const (
	KeyID         = wire.KeyID         // "contrail_id": the event's id, a UUID
	KeyStream     = wire.KeyStream     // "contrail_stream": as in invoice-42
	KeyVersion    = wire.KeyVersion    // "contrail_version": within the stream, in decimal
	KeyType       = wire.KeyType       // "contrail_type": as in InvoiceDrafted
	KeyPosition   = wire.KeyPosition   // "contrail_position": in the global order, in decimal
	KeyRecordedAt = wire.KeyRecordedAt // "contrail_recorded_at": RFC 3339, in UTC
)

// KeyForeign is the key in the metadata of a Watermill message that is not an event of Contrail's. It says why not. See [Unmarshaler].
const KeyForeign = "contrail_foreign"

// watermillMessage makes the message that was published through Watermill's SQL publisher, or one that shows what another program appended.
func watermillMessage(event contrail.Recorded) *message.Message {
	event.Metadata = maps.Clone(event.Metadata)
	for _, key := range []string{wire.KeyUUID, wire.KeyFolded, wire.KeyPayload} {
		attribute := contrail.Attribute(key) // what it was on the way
		if value, found := event.Metadata[attribute]; found {
			delete(event.Metadata, attribute)
			event.Metadata[key] = value
		}
	}
	published, found := event.Metadata[wire.KeyUUID]
	delete(event.Metadata, wire.KeyUUID)
	msg := wire.WatermillMessage(event)
	if found {
		msg.UUID = published
	}
	return msg
}
