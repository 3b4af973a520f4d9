package erasure_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/erasure"
)

func TestRotation(t *testing.T) {
	t.Parallel()
	old := keyring(t, "2025")
	key, wrapped := newKey(t, old)
	event := contact(key, "42", name)
	require.Equal(t, "2025", erasure.KEKOf(wrapped))

	both := keyring(t, "2026", "2025")
	_, err := both.Open(event, &wrapped)
	require.NoError(t, err, "all of them decrypt")
	anew, changed, err := both.Rewrap(key.ID(), wrapped)
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, "2026", erasure.KEKOf(anew), "the first encrypts")
	same, changed, err := both.Rewrap(key.ID(), anew)
	require.NoError(t, err)
	require.False(t, changed)
	require.Equal(t, anew, same)

	opened, err := keyring(t, "2026").Open(event, &anew)
	require.NoError(t, err)
	require.JSONEq(t, name, string(opened.Data))
	_, err = old.Open(event, &anew)
	require.ErrorIs(t, err, erasure.ErrNoKEK)
	var missing *erasure.NoKEKError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, "2026", missing.ID)
	require.ErrorContains(t, err, `open event `+event.ID.String()+` of stream contact-42: key-encryption key "2026" is not configured`)
	require.False(t, contrail.IsPermanent(err), "configuration cures it")
}

func TestWrappedKeysAreWrappedAnewEachTime(t *testing.T) {
	t.Parallel()
	ring := keyring(t, "2025")
	seen := map[string]bool{}
	for range 100 {
		key, wrapped := newKey(t, ring)
		require.False(t, seen[wrapped])
		require.False(t, seen[key.ID()])
		seen[wrapped], seen[key.ID()] = true, true
	}
}

func TestWrongKEK(t *testing.T) {
	t.Parallel()
	key, wrapped := newKey(t, keyring(t, "2025"))
	event := contact(key, "42", name)
	impostor := kek("2024")
	impostor.ID = "2025"
	ring, err := erasure.NewKeyring(impostor)
	require.NoError(t, err)
	_, err = ring.Open(event, &wrapped)
	requireCorrupt(t, err, event, `the wrapped key was altered, or key-encryption key "2025" is not the one that wrapped it`)
	_, _, err = keyringAnd(t, "2026", impostor).Rewrap(key.ID(), wrapped)
	require.ErrorContains(t, err, "key "+key.ID()+": the wrapped key was altered")
}

func keyringAnd(tb testing.TB, first string, more ...erasure.KEK) *erasure.Keyring {
	tb.Helper()
	ring, err := erasure.NewKeyring(append([]erasure.KEK{kek(first)}, more...)...)
	require.NoError(tb, err)
	return ring
}

func TestTamperedWrappedKeysAreNoticed(t *testing.T) {
	t.Parallel()
	ring := keyring(t, "2025")
	key, wrapped := newKey(t, ring)
	event := contact(key, "42", name)
	other, others := newKey(t, ring)
	_, err := ring.Open(event, &others)
	requireCorrupt(t, err, event, "the wrapped key belongs to another id")
	_, err = ring.Unwrap(key.ID(), wrapped)
	require.NoError(t, err)
	_, err = ring.Unwrap(other.ID(), wrapped)
	require.ErrorContains(t, err, "the wrapped key belongs to another id")

	parts := strings.Split(wrapped, ".")
	for i, part := range parts {
		content, err := base64.RawURLEncoding.DecodeString(part)
		require.NoError(t, err)
		for at := range content {
			content[at] ^= 1
			tampered := append([]string(nil), parts...)
			tampered[i] = base64.RawURLEncoding.EncodeToString(content)
			content[at] ^= 1
			_, err := ring.Unwrap(key.ID(), strings.Join(tampered, "."))
			require.Error(t, err, "part %d, byte %d", i, at)
		}
		foreign := append([]string(nil), parts...)
		foreign[i] = strings.Split(others, ".")[i]
		_, err = ring.Unwrap(key.ID(), strings.Join(foreign, "."))
		require.Error(t, err, "part %d of another key", i)
		var corrupt *erasure.CorruptError
		require.ErrorAs(t, err, &corrupt)
		require.Equal(t, key.ID(), corrupt.Key)
	}
	for _, text := range []string{"", ".", "....", strings.Join(parts[:4], "."), wrapped + ".", "x" + wrapped} {
		_, err := ring.Unwrap(key.ID(), text)
		var corrupt *erasure.CorruptError
		require.ErrorAs(t, err, &corrupt, text)
	}
	require.Empty(t, erasure.KEKOf("nonsense"))
}

func TestNilKeyringHoldsNoKey(t *testing.T) {
	t.Parallel()
	var none *erasure.Keyring
	key, wrapped := newKey(t, keyring(t, "2025"))
	_, err := none.Open(contact(key, "42", name), &wrapped)
	require.ErrorIs(t, err, erasure.ErrNoKEK)
	_, _, err = none.Rewrap(key.ID(), wrapped)
	require.ErrorIs(t, err, erasure.ErrNoKEK)
	_, _, err = none.NewKey()
	require.ErrorIs(t, err, erasure.ErrNoKEK)
}
