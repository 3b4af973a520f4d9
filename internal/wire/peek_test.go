package wire_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

func TestPeekSaysWhatDecodeMessageSays(t *testing.T) {
	t.Parallel()
	for _, event := range []contrail.Recorded{sample(), awkward()} {
		payload := wire.Append(nil, `/contrail/"\é`, event)
		var loose map[string]any
		require.NoError(t, json.Unmarshal(payload, &loose))
		sorted, err := json.MarshalIndent(loose, "", " ")
		require.NoError(t, err)
		for name, message := range map[string]struct {
			header  map[string][]string
			payload []byte
		}{
			"structured": {nil, payload}, "written anew": {nil, sorted}, "binary": {binary(event), event.Data},
		} {
			stream, eventType, found := wire.Peek(message.header, message.payload)
			require.True(t, found, name)
			require.Equal(t, event.Stream.String(), stream, name)
			require.Equal(t, event.Type, eventType, name)
		}
	}
}

func TestPeekAtForeignMessages(t *testing.T) {
	t.Parallel()
	whole := wire.Append(nil, "s", sample())
	for _, payload := range []string{"", "hello", "{}", `{"specversion":"1.0","id":"`, `{"specversion":"1.0","id":"\`, string(whole[:120])} {
		_, _, found := wire.Peek(nil, []byte(payload))
		require.False(t, found, payload)
	}
	for name, header := range map[string]map[string][]string{
		"no subject": {"ce-id": {"x"}, "ce-type": {"A"}}, "no type": {"ce-id": {"x"}, "ce-subject": {"a-1"}},
		"no escape": {"ce-id": {"x"}, "ce-type": {"A"}, "ce-subject": {"a-%1"}},
	} {
		_, _, found := wire.Peek(header, []byte("{}"))
		require.False(t, found, name)
	}
}

func BenchmarkPeek(b *testing.B) {
	payload := wire.Append(nil, "/contrail/billing/"+storeID, sample())
	header := map[string][]string{wire.HeaderContentType: {wire.ContentType}}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, found := wire.Peek(header, payload); !found {
			b.Fatal("not found")
		}
	}
}
