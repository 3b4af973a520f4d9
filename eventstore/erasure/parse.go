package erasure

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// ParseKEKs reads key-encryption keys as a flag, a variable or a file holds them: id:key, the key as base64 of 32 bytes, several of them
// separated by commas or line breaks, the one to encrypt with first. `openssl rand -base64 32` makes a key. Both alphabets of base64 are
// read, with or without padding. The error names every faulty entry, by its place and never by its content.
func ParseKEKs(text string) ([]KEK, error) {
	var keks []KEK
	var faults []error
	for entry := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(",\r\n", r) }) {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		id, encoded, found := strings.Cut(entry, ":")
		kek := KEK{ID: strings.TrimSpace(id)}
		name := kek.describe(len(keks) + 1)
		key, err := decodeKey(strings.TrimSpace(encoded))
		switch {
		case !found:
			faults = append(faults, fmt.Errorf("key-encryption key %d: it has no ':' between id and key, as in 2026-11:bm90…", len(keks)+1))
		case err != nil:
			faults = append(faults, fmt.Errorf("%s: the key is not base64", name))
		case len(key) != len(kek.Key):
			faults = append(faults, fmt.Errorf("%s: the key has %d bytes, not 32; `openssl rand -base64 32` makes one", name, len(key)))
		}
		copy(kek.Key[:], key)
		keks = append(keks, kek)
	}
	if len(faults) == 0 {
		faults = append(faults, check(keks))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("read key-encryption keys: %w", err)
	}
	return keks, nil
}

// decodeKey returns no reason: those of base64 quote what they could not read.
func decodeKey(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	return base64.RawStdEncoding.DecodeString(text) //nolint:wrapcheck // the caller says it in its own words
}
