package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// usualEvents are what messages are mostly like.
func usualEvents() map[string]contrail.Recorded {
	bare := sample()
	bare.Data, bare.Metadata = json.RawMessage(`{"n": 12345}`), contrail.Metadata{}
	six := bare
	six.Metadata = contrail.Metadata{
		contrail.KeyCorrelationID: "01920000-0000-7000-8000-0000000000bb", contrail.KeyCausationID: "01920000-0000-7000-8000-0000000000cc",
		contrail.KeyTenantID: "acme", contrail.KeyUserID: "jane.doe@example.com", contrail.KeySchemaVersion: "2",
		contrail.KeyTraceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
	large := six
	line := `{"sku": "A-1000", "quantity": 3, "price": "12.50", "text": "what the line says"}`
	large.Data = json.RawMessage(`{"lines": [` + line + strings.Repeat(", "+line, 11) + `]}`)
	return map[string]contrail.Recorded{"bare": bare, "six keys": six, "six keys and 1 KiB": large}
}

// BenchmarkDecodeMessage sets the general reader beside the one for what Contrail writes.
func BenchmarkDecodeMessage(b *testing.B) {
	source := "/contrail/billing/" + storeID
	for name, event := range usualEvents() {
		for _, format := range []wire.Format{wire.Structured, wire.Binary} {
			header, payload := map[string][]string{
				wire.HeaderMsgID: {event.ID.String()}, wire.HeaderFence: {"122"}, wire.HeaderContentType: {wire.ContentType},
			}, wire.Append(nil, source, event)
			if format == wire.Binary {
				wire.BinaryHeader(header, source, event)
				payload = event.Data
			}
			b.Run(format.String()+"/"+name+"/general", func(b *testing.B) { benchmarkDecode(b, wire.DecodeGenerally, header, payload) })
			b.Run(format.String()+"/"+name, func(b *testing.B) { benchmarkDecode(b, wire.DecodeMessage, header, payload) })
		}
	}
}

func benchmarkDecode(
	b *testing.B, decode func(header map[string][]string, payload []byte) (wire.Message, error), header map[string][]string, payload []byte,
) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decode(header, payload); err != nil {
			b.Fatal(err)
		}
	}
}
