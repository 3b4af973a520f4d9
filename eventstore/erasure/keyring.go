package erasure

import (
	"crypto/cipher"
	"fmt"

	"github.com/contrail-events/contrail"
)

// Keyring holds the key-encryption keys of a process. The first encrypts, all decrypt, so a new one is put in front: see [Keys.Rewrap]. A
// nil Keyring holds none. It is safe for concurrent use.
type Keyring struct {
	first     string // the id of the one that encrypts
	keks      map[string]cipher.AEAD
	unwrapped *cache // by wrapped key: to unwrap one costs as much as to open an event
}

// unwrappedKeys is how many are kept, for [DefaultCacheTTL]. They open nothing without the row in the table, which is asked each time.
const unwrappedKeys = 1000

// NewKeyring returns a keyring, or an error that names every fault.
func NewKeyring(keks ...KEK) (*Keyring, error) {
	if err := check(keks); err != nil {
		return nil, fmt.Errorf("make a keyring: %w", err)
	}
	ring := &Keyring{first: keks[0].ID, keks: make(map[string]cipher.AEAD, len(keks)), unwrapped: newCache(unwrappedKeys)}
	for _, kek := range keks {
		aead, err := newGCM(kek.Key[:])
		if err != nil {
			return nil, fmt.Errorf("make a keyring: %w", err)
		}
		ring.keks[kek.ID] = aead
	}
	return ring, nil
}

// Open makes an event readable, given the wrapped key as it stands in contrail.keys under the event's key_id, nil when there is none any more:
// then the event comes back with null as its data, and Erased. An event that is not Sealed comes back as it is.
//
// Errors: [*NoKEKError], and [*CorruptError], which names the event and which no retry cures ([contrail.Permanent]).
func (k *Keyring) Open(event contrail.Recorded, wrapped *string) (contrail.Recorded, error) {
	switch {
	case !event.Sealed:
		return event, nil
	case wrapped == nil:
		return erased(event), nil
	}
	key, err := k.Unwrap(event.Metadata[contrail.KeySealedWith], *wrapped)
	if err != nil {
		return event, about(event, err)
	}
	return key.Open(event)
}

// erased is what is left of an event.
func erased(event contrail.Recorded) contrail.Recorded {
	event.Data, event.Sealed, event.Erased = []byte("null"), false, true
	return event
}
