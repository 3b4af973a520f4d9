package contrail_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
)

// FuzzParseStreamID looks for text that makes the parser panic, that it takes and does not give back as it was, or that it takes although
// neither a NATS subject nor the table could hold it. (That Go and SQL draw the very same line, a test of package eventstore shows.)
func FuzzParseStreamID(f *testing.F) {
	for _, seed := range []string{
		"invoice-42", "invoice-2026-42", "a-é漢", "-", "", "a", "a-", "-a", "a--", "a.b-1", "a-b.c", "a-b c", "a-*", "a->", "a-\u00A0", "a-\u2028", "a-\u200B",
		"a-\uE000", "a-\uFFFD", "a-\U000E0001", "a-\x00", "a-\xff", "a-\xed\xa0\x80", "ä-1", "a-" + strings.Repeat("b", 198), "a-" + strings.Repeat("é", 100),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		stream, err := contrail.ParseStreamID(text)
		if err != nil {
			var invalid *contrail.InvalidError
			require.ErrorAs(t, err, &invalid)
			require.NotEmpty(t, invalid.Reason)
			require.True(t, utf8.ValidString(err.Error()), "it can be logged")
			return
		}
		require.NoError(t, stream.Validate())
		require.False(t, stream.IsZero())
		requireSameStream(t, stream, text)
		requirePublishable(t, stream)
	})
}

// requireSameStream goes the ways there and back: text, parts, JSON.
func requireSameStream(tb testing.TB, stream contrail.StreamID, text string) {
	tb.Helper()
	require.Equal(tb, text, stream.String())
	require.Equal(tb, stream, contrail.NewStreamID(stream.Category(), stream.ID()))
	encoded, err := json.Marshal(map[contrail.StreamID]contrail.StreamID{stream: stream})
	require.NoError(tb, err)
	var decoded map[contrail.StreamID]contrail.StreamID
	require.NoError(tb, json.Unmarshal(encoded, &decoded))
	require.Equal(tb, map[contrail.StreamID]contrail.StreamID{stream: stream}, decoded)
}

// requirePublishable checks what follows from the rule but is not written in it.
func requirePublishable(tb testing.TB, stream contrail.StreamID) {
	tb.Helper()
	text := stream.String()
	require.LessOrEqual(tb, len(text), contrail.MaxStreamBytes)
	require.True(tb, utf8.ValidString(text), "PostgreSQL takes UTF-8 only")
	require.NotContains(tb, stream.Category(), "-")
	require.NotContains(tb, text, ".", "a subject has as many tokens as it should")
	require.False(tb, strings.ContainsAny(text, "*>"), "a subject has no wildcard")
	require.False(tb, strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), "%q", text)
}
