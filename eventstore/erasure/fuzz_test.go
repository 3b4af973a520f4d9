package erasure_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/erasure"
)

// Whatever stands in the two tables, opening is either right or a typed error.
func FuzzOpen(f *testing.F) {
	ring, err := erasure.NewKeyring(kek("2026-11"))
	require.NoError(f, err)
	key, wrapped := newKey(f, ring)
	event := contrail.Recorded{
		ID: uuid.New(), Stream: contrail.NewStreamID("contact", "42"), Type: "ContactRenamed", Sealed: true,
		Metadata: contrail.Metadata{contrail.KeySealedWith: key.ID()},
	}
	plain := json.RawMessage(name)
	sealed := key.Seal(event.ID, event.Stream, event.Type, plain)
	_, others := newKey(f, ring)
	f.Add([]byte(sealed), wrapped)
	f.Add([]byte(sealed), others)
	f.Add([]byte(sealed[:len(sealed)/2]), wrapped[:len(wrapped)/2])
	f.Add([]byte(`{"protected":"e30","aad":"","iv":"","ciphertext":"","tag":""}`), "e30....")
	f.Add([]byte(`null`), "")
	f.Fuzz(func(t *testing.T, data []byte, wrapped string) {
		event := event
		event.Data = data
		opened, err := ring.Open(event, &wrapped)
		if err != nil {
			var corrupt *erasure.CorruptError
			var missing *erasure.NoKEKError
			require.True(t, contrail.IsPermanent(err) && errors.As(err, &corrupt) || errors.As(err, &missing), err)
			require.NotEmpty(t, err.Error())
			return
		}
		require.Equal(t, string(plain), string(opened.Data))
		require.False(t, opened.Sealed)
		_ = erasure.KEKOf(wrapped)
	})
}

// FuzzParseKEKs wants what is read to be usable, and no key in an error.
func FuzzParseKEKs(f *testing.F) {
	f.Add("2026-11:bm90IGEgc2VjcmV0IGJ1dCAzMiBieXRlcyBsb25nISE=,older:")
	f.Add("\n,:")
	f.Fuzz(func(t *testing.T, text string) {
		keks, err := erasure.ParseKEKs(text)
		if err != nil {
			require.Nil(t, keks)
			return
		}
		_, err = erasure.NewKeyring(keks...)
		require.NoError(t, err)
	})
}
