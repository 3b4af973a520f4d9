package publisher

import (
	"crypto/sha256"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// content is the hash of all that an event says: the same for the store's event and for a message of either format that was made of it,
// whatever the store's name was then.
type content [sha256.Size]byte

// contentOf is the SHA-256 of the canonical form: a structured message without a source. A message does not tell which of its metadata keys
// had underscores, so all go without.
func contentOf(event contrail.Recorded) content {
	if len(event.Metadata) > 0 {
		attributes := make(contrail.Metadata, len(event.Metadata))
		for key, value := range event.Metadata {
			attributes[contrail.Attribute(key)] = value
		}
		event.Metadata = attributes
	}
	return sha256.Sum256(wire.Append(nil, "", event))
}
