package wmsql

import "github.com/contrail-events/contrail/internal/wire"

// Keys of a received message's metadata that tell what event it is. Those of stream and type may be set on a message that is to be published;
// none is stored.
const (
	KeyID         = wire.KeyID         // "contrail_id": the event's id, a UUID
	KeyStream     = wire.KeyStream     // "contrail_stream": as in invoice-42
	KeyVersion    = wire.KeyVersion    // "contrail_version": within the stream, in decimal
	KeyType       = wire.KeyType       // "contrail_type": as in InvoiceDrafted
	KeyPosition   = wire.KeyPosition   // "contrail_position": in the global order, in decimal
	KeyRecordedAt = wire.KeyRecordedAt // "contrail_recorded_at": RFC 3339, in UTC
)

// Keys of an event's metadata that a message needs to come back as it was. A message that has them itself has them folded.
const (
	keyUUID    = wire.KeyUUID    // the message's UUID, where it is not the event's id
	keyFolded  = wire.KeyFolded  // a JSON object of the metadata that Contrail's rules for keys do not allow
	keyPayload = wire.KeyPayload // encodedBase64: the data is a JSON string that holds the payload so
)

// keyName is where the marshalers of Watermill's CQRS component leave the name of a command or an event.
const keyName = "name"

// isOwn tells whether key is one that every received message has.
func isOwn(key string) bool {
	switch key {
	case KeyID, KeyStream, KeyVersion, KeyType, KeyPosition, KeyRecordedAt:
		return true
	}
	return false
}
