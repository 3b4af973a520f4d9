package erasure_test

import (
	"encoding/json"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

func jose256() []jose.ContentEncryption { return []jose.ContentEncryption{jose.A256GCM} }

// With the key-encryption key alone, another JOSE library reads a wrapped key, and with that an event.
func TestAnotherLibraryReadsOurs(t *testing.T) {
	t.Parallel()
	key, wrapped := newKey(t, keyring(t, "2026-11"))
	event := contact(key, "42", name)

	jwe, err := jose.ParseEncryptedCompact(wrapped, []jose.KeyAlgorithm{jose.A256GCMKW}, jose256())
	require.NoError(t, err)
	require.Equal(t, "2026-11", jwe.Header.KeyID)
	require.Equal(t, "jwk+json", jwe.Header.ExtraHeaders[jose.HeaderContentType])
	secret := kek("2026-11").Key
	text, err := jwe.Decrypt(secret[:])
	require.NoError(t, err)
	var dek jose.JSONWebKey
	require.NoError(t, json.Unmarshal(text, &dek))
	require.Equal(t, key.ID(), dek.KeyID)
	require.Equal(t, "A256GCM", dek.Algorithm)

	jwe, err = jose.ParseEncryptedJSON(string(event.Data), []jose.KeyAlgorithm{jose.DIRECT}, jose256())
	require.NoError(t, err)
	require.Equal(t, key.ID(), jwe.Header.KeyID)
	require.Equal(t, event.ID.String()+" contact-42 ContactRenamed", string(jwe.GetAuthData()))
	data, err := jwe.Decrypt(dek.Key)
	require.NoError(t, err)
	require.JSONEq(t, name, string(data))
}

// What another JOSE library wrote in the same forms is read here: by a plain SQL writer, say.
func TestWeReadAnotherLibrarys(t *testing.T) {
	t.Parallel()
	ring := keyring(t, "2026-11")
	secret := kek("2026-11").Key
	dek := jose.JSONWebKey{Key: []byte("thirty-two bytes, to be a secret"), KeyID: "their-key", Algorithm: "A256GCM"}
	text, err := dek.MarshalJSON()
	require.NoError(t, err)
	wrapper, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.A256GCMKW, Key: secret[:], KeyID: "2026-11"},
		(&jose.EncrypterOptions{}).WithContentType("jwk+json"))
	require.NoError(t, err)
	jwe, err := wrapper.Encrypt(text)
	require.NoError(t, err)
	wrapped, err := jwe.CompactSerialize()
	require.NoError(t, err)
	key, err := ring.Unwrap("their-key", wrapped)
	require.NoError(t, err)

	event := contact(key, "42", name)
	sealer, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: dek.Key, KeyID: "their-key"}, nil)
	require.NoError(t, err)
	jwe, err = sealer.EncryptWithAuthData([]byte(name), []byte(event.ID.String()+" contact-42 ContactRenamed"))
	require.NoError(t, err)
	event.Data = json.RawMessage(jwe.FullSerialize())
	opened, err := ring.Open(event, &wrapped)
	require.NoError(t, err)
	require.JSONEq(t, name, string(opened.Data))
}
