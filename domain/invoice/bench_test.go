package invoice_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
	"github.com/contrail-events/contrail/domain/invoice"
)

// BenchmarkDraft is what a draft of ten lines costs beside the store: to decide, to write as JSON, to read back and to fold.
func BenchmarkDraft(b *testing.B) {
	command := draft()
	command.LineItems = slices.Repeat(command.LineItems, 5)
	reader := codec.MustNew(invoice.Events()...)
	b.ReportAllocs()
	for b.Loop() {
		events, err := invoice.Decide(invoice.State{}, command)
		require.NoError(b, err)
		data, err := json.Marshal(events[0])
		require.NoError(b, err)
		decoded, err := codec.DecodeAs[invoice.Event](reader, contrail.Recorded{Type: "InvoiceDrafted", Data: data})
		require.NoError(b, err)
		require.Equal(b, "i1", invoice.Evolve(invoice.State{}, decoded[0]).ID)
	}
}
