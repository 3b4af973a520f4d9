package webhook

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// What a secret is, by the Standard Webhooks (https://www.standardwebhooks.com): this prefix and, in base64, so many bytes.
const (
	secretPrefix   = "whsec_"
	secretBytes    = 32
	minSecretBytes = 24
	maxSecretBytes = 64
)

// Secret is what requests to an endpoint are signed with: whsec_ and, in base64, 24 to 64 bytes that only the two sides know. Printed, logged
// or marshalled it shows no more than its last four characters; Reveal tells it. The zero Secret is none, and signs nothing.
type Secret struct {
	text *string // not a string: fmt prints what stands in a field that is not exported without asking String
}

// NewSecret makes a secret of 32 random bytes.
func NewSecret() Secret {
	key := make([]byte, secretBytes)
	_, _ = rand.Read(key) // it never fails
	return secretOf(secretPrefix + base64.StdEncoding.EncodeToString(key))
}

// ParseSecret takes a secret that somebody else has made. The error does not tell it.
func ParseSecret(text string) (Secret, error) {
	encoded, found := strings.CutPrefix(text, secretPrefix)
	if !found {
		return Secret{}, errors.New("the secret does not begin with whsec_; give one as in whsec_ and 24 to 64 random bytes in base64")
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	switch {
	case err != nil || strings.ContainsAny(encoded, "\r\n"): // which the decoder skips
		return Secret{}, errors.New("the secret is not base64 behind whsec_; write it in the standard alphabet, with its padding")
	case len(key) < minSecretBytes || len(key) > maxSecretBytes:
		return Secret{}, fmt.Errorf("the secret has %d bytes; give %d to %d of them", len(key), minSecretBytes, maxSecretBytes)
	}
	return secretOf(text), nil
}

func secretOf(text string) Secret { return Secret{text: &text} }

// validSecrets are those of an endpoint that are valid, the newest first; "" is none.
func validSecrets(texts ...string) ([]Secret, error) {
	var all []Secret
	for _, text := range texts {
		if text == "" {
			continue
		}
		secret, err := ParseSecret(text)
		if err != nil {
			return nil, err
		}
		all = append(all, secret)
	}
	return all, nil
}

// Reveal returns the secret itself, for the one who is to know it; "" if there is none.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero tells whether there is no secret.
func (s Secret) IsZero() bool { return s.text == nil }

// String tells which secret it is, and not what it is: whsec_…3kQ=.
func (s Secret) String() string {
	text := s.Reveal()
	if text == "" {
		return ""
	}
	return secretPrefix + "…" + text[len(text)-4:]
}

// GoString is for %#v.
func (s Secret) GoString() string { return fmt.Sprintf("webhook.Secret(%q)", s.String()) }

// MarshalText writes what String says, so that no JSON tells a secret by accident.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// key is what is signed with.
func (s Secret) key() []byte {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s.Reveal(), secretPrefix))
	if err != nil { // whoever made it has decoded it
		return nil
	}
	return key
}
