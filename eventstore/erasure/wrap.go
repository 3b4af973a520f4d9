package erasure

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// A wrapped key is an encrypted JWK: RFC 7517, section 7, in compact serialization with A256GCMKW and A256GCM. The JWK holds the key's id, so a
// wrapped key that was moved to another row is noticed. Nonces are random, under the key-encryption key one for each wrapping:
// NIST SP 800-38D (8.3) allows 2^32 of them.

// contentType is what RFC 7517 asks for.
const contentType = "jwk+json"

// jwk is a symmetric key as a JSON Web Key.
type jwk struct {
	Type      string `json:"kty"`
	ID        string `json:"kid"`
	Algorithm string `json:"alg"`
	Key       string `json:"k"`
}

// NewKey makes a key and wraps it for the table. Both are random: the id, a UUIDv7, but for its time.
func (k *Keyring) NewKey() (key Key, wrapped string, err error) {
	dek := make([]byte, 32)
	_, _ = rand.Read(dek) // it ends the program rather than fail
	id, err := uuid.NewV7()
	if err == nil {
		key, err = newKey(id.String(), dek)
	}
	if err == nil {
		wrapped, err = k.wrap(jwk{Type: "oct", ID: id.String(), Algorithm: a256GCM, Key: encode(dek)})
	}
	if err != nil {
		return Key{}, "", fmt.Errorf("make a key: %w", err)
	}
	return key, wrapped, nil
}

// Unwrap decrypts a key that stands in the table under this id. Errors: [*NoKEKError] and [*CorruptError].
func (k *Keyring) Unwrap(id, wrapped string) (Key, error) {
	now := time.Now()
	if k != nil {
		if key, known := k.unwrapped.get(wrapped, now); known && key.id == id {
			return key, nil
		}
	}
	found, err := k.unwrap(id, wrapped)
	if err != nil {
		return Key{}, err
	}
	dek, err := decode(found.Key)
	if err != nil || len(dek) != 32 {
		return Key{}, &CorruptError{Key: id, Reason: "the key that was wrapped does not have 32 bytes"}
	}
	key, err := newKey(id, dek)
	if err == nil {
		k.unwrapped.put(wrapped, key, now, now.Add(DefaultCacheTTL))
	}
	return key, err
}

// Rewrap wraps a key anew, under the first key-encryption key, and tells whether there was need to. The key stays what it is, and what it has
// encrypted readable. Errors: [*NoKEKError] and [*CorruptError].
func (k *Keyring) Rewrap(id, wrapped string) (anew string, changed bool, err error) {
	if k != nil && KEKOf(wrapped) == k.first {
		return wrapped, false, nil
	}
	found, err := k.unwrap(id, wrapped)
	if err == nil {
		anew, err = k.wrap(found)
	}
	return anew, err == nil, err
}

// KEKOf returns the id of the key-encryption key that a key is wrapped with, empty when wrapped is not a wrapped key. It needs no key.
func KEKOf(wrapped string) string {
	protected, _, _ := strings.Cut(wrapped, ".")
	h, err := parseHeader(protected)
	if err != nil {
		return ""
	}
	return h.KeyID
}

func (k *Keyring) wrap(key jwk) (string, error) {
	if k == nil {
		return "", fmt.Errorf("wrap a key: %w", ErrNoKEK)
	}
	plain, err := json.Marshal(key)
	if err != nil {
		return "", fmt.Errorf("wrap a key: %w", err)
	}
	cek := make([]byte, 32)
	_, _ = rand.Read(cek) // as in NewKey
	iv, wrapped, tag := encrypt(k.keks[k.first], cek, "")
	protected, err := header{
		Algorithm: a256GCMKW, Encryption: a256GCM, KeyID: k.first, ContentType: contentType, IV: iv, Tag: tag,
	}.encode()
	if err != nil {
		return "", err
	}
	content, err := newGCM(cek)
	if err != nil {
		return "", err
	}
	iv, ciphertext, tag := encrypt(content, plain, protected)
	return strings.Join([]string{protected, wrapped, iv, ciphertext, tag}, "."), nil
}

// encrypt uses a random nonce, and returns all as base64url.
func encrypt(aead cipher.AEAD, plain []byte, authenticated string) (iv, ciphertext, tag string) {
	nonce := make([]byte, nonceSize)
	_, _ = rand.Read(nonce) // as in NewKey
	text := aead.Seal(nil, nonce, plain, []byte(authenticated))
	return encode(nonce), encode(text[:len(text)-tagSize]), encode(text[len(text)-tagSize:])
}

// unwrap decrypts the JWK, and sees to it that it is the one that is expected.
func (k *Keyring) unwrap(id, wrapped string) (jwk, error) {
	corrupt := func(reason string) (jwk, error) { return jwk{}, &CorruptError{Key: id, Reason: reason} }
	parts := strings.Split(wrapped, ".")
	if len(parts) != 5 {
		return corrupt("the wrapped key is not a compact JWE")
	}
	h, err := parseHeader(parts[0])
	if err != nil {
		return corrupt("the wrapped key is not a compact JWE: " + err.Error())
	}
	if h.Algorithm != a256GCMKW || h.Encryption != a256GCM {
		return corrupt(fmt.Sprintf("it is wrapped with %.20q and %.20q, not A256GCMKW and A256GCM", h.Algorithm, h.Encryption))
	}
	kek, err := k.kek(h.KeyID)
	if err != nil {
		return jwk{}, err
	}
	plain, err := decrypt(kek, parts, h)
	if err != nil {
		return corrupt(fmt.Sprintf("%v, or key-encryption key %q is not the one that wrapped it", err, h.KeyID))
	}
	var found jwk
	if err := json.Unmarshal(plain, &found); err != nil || found.Type != "oct" {
		return corrupt("what was wrapped is not a symmetric JWK")
	}
	if found.ID != id {
		return corrupt("the wrapped key belongs to another id")
	}
	return found, nil
}

func (k *Keyring) kek(id string) (cipher.AEAD, error) {
	if k != nil && k.keks[id] != nil {
		return k.keks[id], nil
	}
	return nil, &NoKEKError{ID: id}
}

var errAltered = errors.New("the wrapped key was altered")

// decrypt decrypts the content-encryption key with the key-encryption key, and the content with it.
func decrypt(kek cipher.AEAD, parts []string, h header) ([]byte, error) {
	nonce, text, err := decodeGCM(h.IV, parts[1], h.Tag)
	if err != nil {
		return nil, errAltered
	}
	cek, err := kek.Open(nil, nonce, text, nil)
	if err != nil || len(cek) != 32 {
		return nil, errAltered
	}
	content, err := newGCM(cek)
	if err != nil {
		return nil, err
	}
	if nonce, text, err = decodeGCM(parts[2], parts[3], parts[4]); err != nil {
		return nil, errAltered
	}
	plain, err := content.Open(nil, nonce, text, []byte(parts[0]))
	if err != nil {
		return nil, errAltered
	}
	return plain, nil
}
