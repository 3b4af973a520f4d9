package erasure

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// KEK is a key-encryption key: it encrypts the keys of persons and nothing else, and comes from configuration, never from the database that
// holds those keys. However it is printed, marshalled or logged, only its id shows.
type KEK struct {
	ID  string   // 1 to 40 ASCII letters, digits, '.', '_' and '-', such as 2026-11; it is stored beside what the key encrypts
	Key [32]byte // for AES-256; from a secure random source
}

// maxKEKID is less than a key has as base64, so that no key is ever taken for an id and printed.
const maxKEKID = 40

// Format writes the id, whatever the verb.
func (k KEK) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "KEK "+k.ID) }

// MarshalText writes the id, for JSON and structured logs.
func (k KEK) MarshalText() ([]byte, error) { return []byte("KEK " + k.ID), nil }

// describe names the key for an error: by its id if that can be one, always by its place.
func (k KEK) describe(place int) string {
	if !isKEKID(k.ID) {
		return fmt.Sprintf("key-encryption key %d", place)
	}
	return fmt.Sprintf("key-encryption key %d (%s)", place, k.ID)
}

// check reports every fault of a list of keys.
func check(keks []KEK) error {
	var faults []error
	if len(keks) == 0 {
		faults = append(faults, errors.New("no key-encryption key is given"))
	}
	seen := map[string]int{}
	for i, kek := range keks {
		name, first := kek.describe(i+1), seen[kek.ID]
		if !isKEKID(kek.ID) {
			faults = append(faults, fmt.Errorf("%s: its id must be 1 to %d ASCII letters, digits, '.', '_' and '-'", name, maxKEKID))
		} else if first != 0 {
			faults = append(faults, fmt.Errorf("%s: number %d has the same id", name, first))
		}
		if kek.Key == [32]byte{} {
			faults = append(faults, fmt.Errorf("%s: the key is all zero", name))
		}
		seen[kek.ID] = i + 1
	}
	return errors.Join(faults...)
}

func isKEKID(id string) bool {
	return id != "" && len(id) <= maxKEKID && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	})
}
