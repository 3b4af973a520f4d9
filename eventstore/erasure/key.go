package erasure

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// Key encrypts the data of one person's events. It comes from a [Keyring]; the zero value is of no use. It is immutable, safe for
// concurrent use, and shows nothing of itself when it is printed.
type Key struct {
	id     string
	secret *secret
}

// secret stands behind a pointer, which is all that fmt prints of it.
type secret struct {
	aead      cipher.AEAD
	nonces    []byte // the key that nonces are made with
	protected string // the header of everything that is encrypted with it
}

func newKey(id string, dek []byte) (Key, error) {
	aead, err := newGCM(dek)
	if err != nil {
		return Key{}, err
	}
	nonces, err := hkdf.Key(sha256.New, dek, nil, "contrail synthetic iv", sha256.Size)
	if err != nil {
		return Key{}, fmt.Errorf("derive the key for nonces: %w", err)
	}
	protected, err := header{Algorithm: direct, Encryption: a256GCM, KeyID: id}.encode()
	if err != nil {
		return Key{}, err
	}
	return Key{id: id, secret: &secret{aead: aead, nonces: nonces, protected: protected}}, nil
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	return aead, nil
}

// ID is what the event's metadata names as key_id ([contrail.KeySealedWith]), and contrail.keys as id.
func (k Key) ID() string { return k.id }

// Seal encrypts an event's data, as a JWE in flattened JSON serialization (RFC 7516) with AES-256-GCM, directly under the person's key. The event's
// id, stream and type are authenticated with it, so that it can't be passed off as another event's.
//
// The same call gives the same bytes, so that an append that is repeated is recognised. The nonce is what makes that safe: as in RFC 5297
// (SIV), it is a pseudo-random function of everything that is encrypted and authenticated, here HMAC-SHA256 under a key of its own, cut to the 96 bits that JWE
// wants. Different content meets the same nonce no more often than random nonces meet, for which NIST SP 800-38D (8.3) allows 2^32 messages
// under one key; no person has so many events. An equal nonce with equal content says nothing that the event's id does not say.
func (k Key) Seal(event uuid.UUID, stream contrail.StreamID, kind string, data json.RawMessage) json.RawMessage {
	place := encode([]byte(placeOf(event, stream, kind)))
	authenticated := k.secret.protected + "." + place
	nonce := k.secret.nonce(authenticated, data)
	ciphertext := k.secret.aead.Seal(nil, nonce, data, []byte(authenticated))
	tag := len(ciphertext) - k.secret.aead.Overhead()
	return sealed{
		Protected: k.secret.protected, AAD: place, IV: encode(nonce), Ciphertext: encode(ciphertext[:tag]), Tag: encode(ciphertext[tag:]),
	}.append(nil)
}

// Open decrypts an event's data. The error is a [*CorruptError], which no retry cures ([contrail.Permanent]).
func (k Key) Open(event contrail.Recorded) (contrail.Recorded, error) {
	data, reason := k.decrypt(event)
	if reason != "" {
		return event, contrail.Permanent(&CorruptError{Event: event.ID, Stream: event.Stream, Key: k.id, Reason: reason})
	}
	event.Data, event.Sealed = data, false
	return event, nil
}

func (k Key) decrypt(event contrail.Recorded) (data []byte, reason string) {
	jwe, reason := sealedAs(event, k.id)
	if reason != "" {
		return nil, reason
	}
	data, err := k.secret.aead.Open(nil, jwe.iv, jwe.ciphertext, []byte(jwe.authenticated))
	if err != nil {
		return nil, "it was altered"
	}
	if !json.Valid(data) {
		return nil, "what was encrypted is not JSON"
	}
	return data, ""
}

// Check tells without any key whether the data of a Sealed event can be what [Key.Seal] made for it: for its id, stream and type, with the
// key that its metadata names. The error is a [*CorruptError]. What was altered beyond that, only opening tells.
func Check(event contrail.Recorded) error {
	id := event.Metadata[contrail.KeySealedWith]
	if _, reason := sealedAs(event, id); reason != "" {
		return &CorruptError{Event: event.ID, Stream: event.Stream, Key: id, Reason: reason}
	}
	return nil
}

// sealedAs takes an event's data apart, and says what is wrong with it that can be told without the key.
func sealedAs(event contrail.Recorded, key string) (jwe opening, reason string) {
	jwe, err := parseSealed(event.Data)
	if err != nil {
		return jwe, "the data is not a JWE: " + err.Error()
	}
	switch h := jwe.header; {
	case h.Algorithm != direct || h.Encryption != a256GCM:
		reason = fmt.Sprintf("it is encrypted with %.20q and %.20q, not dir and A256GCM", h.Algorithm, h.Encryption)
	case h.KeyID != key:
		reason = "it is encrypted with another key"
	case jwe.place != placeOf(event.ID, event.Stream, event.Type):
		reason = "it was encrypted as the data of another event"
	}
	return jwe, reason
}

// placeOf is what binds data to its event. None of the three can hold a space.
func placeOf(event uuid.UUID, stream contrail.StreamID, kind string) string {
	return event.String() + " " + stream.String() + " " + kind
}

// nonce is told the length of what is authenticated, so that no two inputs read the same.
func (s *secret) nonce(authenticated string, data []byte) []byte {
	mac := hmac.New(sha256.New, s.nonces)
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(authenticated)))
	mac.Write(length[:])
	mac.Write([]byte(authenticated))
	mac.Write(data)
	return mac.Sum(nil)[:s.aead.NonceSize()]
}
