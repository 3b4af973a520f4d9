package erasure_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore/erasure"
)

func TestParseKEKs(t *testing.T) {
	t.Parallel()
	first, second := kek("2026-11"), kek("older")
	second.Key[0], second.Key[1] = 0xfb, 0xff // the two alphabets differ in these
	want := []erasure.KEK{first, second}
	for name, encoding := range map[string]*base64.Encoding{
		"standard": base64.StdEncoding, "URL": base64.URLEncoding, "raw": base64.RawStdEncoding, "raw URL": base64.RawURLEncoding,
	} {
		one, two := encoding.EncodeToString(first.Key[:]), encoding.EncodeToString(second.Key[:])
		for _, text := range []string{
			"2026-11:" + one + ",older:" + two,
			" 2026-11 : " + one + " ,, older:" + two + ",",
			"2026-11:" + one + "\r\n\nolder:" + two + "\n",
		} {
			keks, err := erasure.ParseKEKs(text)
			require.NoError(t, err, name)
			require.Equal(t, want, keks, name)
		}
	}
}

func TestParseKEKsNamesEveryFaultAndNoKey(t *testing.T) {
	t.Parallel()
	good := base64.StdEncoding.EncodeToString([]byte("a secret of exactly 32 bytes, oh"))
	short := base64.StdEncoding.EncodeToString([]byte("a secret too short"))
	for text, want := range map[string][]string{
		"":                                     {"no key-encryption key is given"},
		" ,\n":                                 {"no key-encryption key is given"},
		good:                                   {"key-encryption key 1: it has no ':'"},
		"a:":                                   {"key-encryption key 1 (a): the key has 0 bytes, not 32"},
		":" + good:                             {"key-encryption key 1: its id must be 1 to 40"},
		good + ":a":                            {"key-encryption key 1: the key is not base64"}, // the wrong way around
		"a:" + short + ",b:" + good[:20] + "!": {"key 1 (a): the key has 18 bytes, not 32", "key 2 (b): the key is not base64"},
		"a:" + good + ",b c:" + good + ",a:" + good: {
			"key 2: its id must be 1 to 40 ASCII letters", "key 3 (a): number 1 has the same id",
		},
		"a:" + strings.Repeat("A", 43): {"key 1 (a): the key is all zero"},
	} {
		_, err := erasure.ParseKEKs(text)
		for _, part := range want {
			require.ErrorContains(t, err, part)
		}
		require.NotContains(t, err.Error(), good[:10])
		require.NotContains(t, err.Error(), short[:10])
	}
	_, err := erasure.NewKeyring()
	require.ErrorContains(t, err, "make a keyring: no key-encryption key is given")
}

// However a key is printed, it does not show.
func TestKeysDoNotShow(t *testing.T) {
	t.Parallel()
	k := kek("2026-11")
	ring := keyring(t, "2026-11")
	key, _ := newKey(t, ring)
	text, err := json.Marshal(map[string]any{"kek": k, "keys": []erasure.KEK{k}, "key": key})
	require.NoError(t, err)
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("keys", slog.Any("kek", k), slog.Any("pointer", &k), slog.Any("key", key))
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("keys", slog.Any("kek", k), slog.Any("pointer", &k), slog.Any("key", key))
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s", "%d", "%q"} {
		for _, shown := range []any{k, &k, []erasure.KEK{k}, map[string]erasure.KEK{"k": k}, key, &key, ring, *ring} {
			fmt.Fprintf(&logged, verb, shown)
		}
	}
	all := logged.String() + string(text)
	require.Contains(t, all, "KEK 2026-11")
	for _, shown := range []string{
		string(k.Key[:8]), hex.EncodeToString(k.Key[:8]), strings.ToUpper(hex.EncodeToString(k.Key[:8])), base64.StdEncoding.EncodeToString(k.Key[:9]),
		"116 104 101 32", "116,104,101,32", "0x74, 0x68, 0x65, 0x20", // "the "
	} {
		require.NotContains(t, all, shown)
	}
}
