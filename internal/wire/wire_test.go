package wire_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

const storeID = "01920000-0000-7000-8000-000000000001"

func sample() contrail.Recorded {
	return contrail.Recorded{
		Position: 123, ID: uuid.MustParse("01920000-0000-7000-8000-0000000000aa"), Stream: contrail.NewStreamID("invoice", "42"),
		Version: 4, Type: "InvoiceDrafted", Data: json.RawMessage(`{"invoice": {"id": "42"}}`),
		Metadata:   contrail.Metadata{"tenant_id": "acme", "correlation_id": "c-1", "note": "a \"quoted\" <é>\n"},
		RecordedAt: time.Date(2026, 11, 21, 20, 15, 4, 123456000, time.UTC),
	}
}

// The bytes of a message are a contract with programs in any language.
func TestAppendGolden(t *testing.T) {
	t.Parallel()
	got := wire.Append(nil, wire.Source("billing", uuid.MustParse(storeID)), sample())
	golden, err := os.ReadFile("testdata/message.json")
	require.NoError(t, err)
	require.Equal(t, string(golden), string(got)+"\n")
}

func TestDecodeReadsWhatAppendWrote(t *testing.T) {
	t.Parallel()
	source := wire.Source("", uuid.MustParse(storeID))
	message, err := wire.Decode(wire.Append(nil, source, sample()))
	require.NoError(t, err)
	require.Equal(t, sample(), message.Recorded)
	require.True(t, wire.IsFrom(message.Source, uuid.MustParse(storeID)))
	require.False(t, wire.IsFrom(message.Source, uuid.New()))
}

func TestDecodeRefusesForeignMessages(t *testing.T) {
	t.Parallel()
	for payload, reason := range map[string]string{
		`hello`:                 "not a JSON object",
		`[]`:                    "not a JSON object",
		`{}`:                    "specversion is missing",
		`{"specversion":"0.3"}`: "specversion is not 1.0",
		`{"specversion":"1.0"}`: "source is missing",
		`{"specversion":1.0}`:   "specversion is not a string",
		`{"specversion":"1.0","source":"s","id":"x"}`: "id ",
	} {
		_, err := wire.Decode([]byte(payload))
		var foreign *wire.ForeignError
		require.ErrorAs(t, err, &foreign, payload)
		require.ErrorContains(t, err, reason, payload)
	}
}

func TestSubject(t *testing.T) {
	t.Parallel()
	require.Equal(t, "events.invoice.42.InvoiceDrafted", wire.Subject("events", sample()))
	require.NoError(t, wire.ValidatePrefix("a.b"))
	for _, prefix := range []string{"", ".", "a.", "a.*", ">", "a b", "$JS"} {
		require.ErrorIs(t, wire.ValidatePrefix(prefix), contrail.ErrInvalid, prefix)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(wire.Append(nil, "/contrail/x", sample()))
	f.Add([]byte(`{"specversion":"1.0","source":"s","id":null}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		message, err := wire.Decode(payload)
		if err != nil {
			return
		}
		again, err := wire.Decode(wire.Append(nil, message.Source, message.Recorded))
		require.NoError(t, err)
		require.Equal(t, message.Position, again.Position)
	})
}

func BenchmarkAppend(b *testing.B) {
	event := sample()
	var buffer []byte
	for b.Loop() {
		buffer = wire.Append(buffer[:0], "/contrail/billing/"+storeID, event)
	}
}

func BenchmarkDecode(b *testing.B) {
	payload := wire.Append(nil, "/contrail/billing/"+storeID, sample())
	for b.Loop() {
		if _, err := wire.Decode(payload); err != nil {
			b.Fatal(err)
		}
	}
}
