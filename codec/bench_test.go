package codec_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/codec"
)

// BenchmarkDecode shows what the codec adds to encoding/json for an event in today's form, and what an old one costs.
func BenchmarkDecode(b *testing.B) {
	c := newCodec(b, ledger()...)
	today := stored("InvoiceIssued", 3, `{"id":"0192aaaa-0000-7000-8000-000000000000","due":"2021-01-31","total":12345}`)
	b.Run("json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var value issued
			require.NoError(b, json.Unmarshal(today.Data, &value))
		}
	})
	b.Run("current", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := c.Decode(today)
			require.NoError(b, err)
		}
	})
	b.Run("as", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := codec.DecodeAs[invoiceEvent](c, today)
			require.NoError(b, err)
		}
	})
	old := stored("InvoiceIssued", 1, `{"id":"0192aaaa-0000-7000-8000-000000000000","total":"12345"}`)
	b.Run("upcast-twice", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := c.Decode(old)
			require.NoError(b, err)
		}
	})
}

// BenchmarkNew is what a registry of a dozen entries costs to make.
func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, err := codec.New(ledger()...)
		require.NoError(b, err)
	}
}
