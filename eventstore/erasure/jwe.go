package erasure

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// Names of RFC 7518.
const (
	direct    = "dir"
	a256GCMKW = "A256GCMKW"
	a256GCM   = "A256GCM"
)

// Sizes of AES-GCM as JWE uses it.
const (
	nonceSize = 12
	tagSize   = 16
)

// header is the protected header of a JWE.
type header struct {
	Algorithm   string          `json:"alg"`
	Encryption  string          `json:"enc"`
	KeyID       string          `json:"kid"`
	ContentType string          `json:"cty,omitempty"`
	IV          string          `json:"iv,omitempty"`  // of A256GCMKW
	Tag         string          `json:"tag,omitempty"` // likewise
	Critical    json.RawMessage `json:"crit,omitempty"`
	Compression json.RawMessage `json:"zip,omitempty"`
}

func (h header) encode() (string, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return "", fmt.Errorf("write a JWE's header: %w", err)
	}
	return encode(text), nil
}

// parseHeader refuses a header that asks for something that is not done here.
func parseHeader(encoded string) (header, error) {
	var h header
	text, err := decode(encoded)
	if err != nil {
		return h, fmt.Errorf("the header is %w", err)
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, errors.New("the header is no JSON object")
	}
	if h.Critical != nil || h.Compression != nil {
		return h, errors.New("the header asks for an extension (crit, zip)")
	}
	return h, nil
}

// sealed is a JWE in flattened JSON serialization: what stands in the place of an event's data. Its members are base64url.
type sealed struct {
	Protected  string `json:"protected"`
	AAD        string `json:"aad"`
	IV         string `json:"iv"`
	Ciphertext string `json:"ciphertext"`
	Tag        string `json:"tag"`
}

// append writes the members in this order, always.
func (s sealed) append(dst []byte) []byte {
	dst = append(dst, `{"protected":"`...)
	dst = append(dst, s.Protected...)
	dst = append(dst, `","aad":"`...)
	dst = append(dst, s.AAD...)
	dst = append(dst, `","iv":"`...)
	dst = append(dst, s.IV...)
	dst = append(dst, `","ciphertext":"`...)
	dst = append(dst, s.Ciphertext...)
	dst = append(dst, `","tag":"`...)
	dst = append(dst, s.Tag...)
	return append(dst, `"}`...)
}

// opening is a JWE taken apart.
type opening struct {
	header        header
	authenticated string // the additional data as GCM takes it
	place         string // what it holds
	iv            []byte
	ciphertext    []byte // with its tag behind it
}

// parseSealed reads any spelling of a flattened JWE with additional data. Whether it is genuine, only decrypting tells.
func parseSealed(data []byte) (opening, error) {
	var s sealed
	var o opening
	if err := json.Unmarshal(data, &s); err != nil {
		return o, errors.New("it is no JSON object with the members of one")
	}
	var err error
	if o.header, err = parseHeader(s.Protected); err != nil {
		return o, err
	}
	o.authenticated = s.Protected + "." + s.AAD
	place, err := decode(s.AAD)
	if err != nil {
		return o, fmt.Errorf("its aad is %w", err)
	}
	o.place = string(place)
	o.iv, o.ciphertext, err = decodeGCM(s.IV, s.Ciphertext, s.Tag)
	return o, err
}

// decodeGCM returns the nonce, and the ciphertext with its tag behind it, as cipher.AEAD takes them.
func decodeGCM(iv, ciphertext, tag string) (nonce, text []byte, err error) {
	nonce, ivErr := decode(iv)
	text, textErr := decode(ciphertext)
	end, tagErr := decode(tag)
	switch {
	case ivErr != nil, textErr != nil, tagErr != nil:
		return nil, nil, errors.New("its iv, ciphertext or tag is not base64url")
	case len(nonce) != nonceSize:
		return nil, nil, fmt.Errorf("its iv has %d bytes, not %d", len(nonce), nonceSize)
	case len(end) != tagSize:
		return nil, nil, fmt.Errorf("its tag has %d bytes, not %d", len(end), tagSize)
	}
	return nonce, append(text, end...), nil
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// decode takes one spelling only: what was altered is never the same.
func decode(text string) ([]byte, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errors.New("not base64url")
	}
	return data, nil
}
