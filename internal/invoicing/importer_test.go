package invoicing_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/invoicing"
)

// An import that is run again, after it broke off or by mistake, adds what is missing and nothing else.
func TestImportAgain(t *testing.T) {
	t.Parallel()
	pool, ctx := newPool(t), t.Context()
	input, importer := readInput(t, 20), newImporter(t, pool)
	part := input
	part.Invoices = input.Invoices[:10]
	for _, want := range []struct {
		input                             invoicing.Input
		organisations, contacts, invoices invoicing.Created
	}{
		{part, invoicing.Created{New: 3}, invoicing.Created{New: 3}, invoicing.Created{New: 10}},
		{input, invoicing.Created{Before: 3}, invoicing.Created{Before: 3}, invoicing.Created{New: 10, Before: 10}},
		{input, invoicing.Created{Before: 3}, invoicing.Created{Before: 3}, invoicing.Created{Before: 20}},
	} {
		created, err := importer.Organisations(ctx, want.input)
		require.NoError(t, err)
		require.Equal(t, want.organisations, created)
		created, err = importer.Contacts(ctx, want.input)
		require.NoError(t, err)
		require.Equal(t, want.contacts, created)
		created, err = importer.Invoices(ctx, want.input)
		require.NoError(t, err)
		require.Equal(t, want.invoices, created)
	}
	drafted, err := invoicing.ReadDrafted(ctx, pool, actor.TenantID)
	require.NoError(t, err)
	require.Equal(t, invoicing.Drafted{Invoices: 20, Totals: map[string]string{"EUR": "251.00", "JPY": "27600"}}, drafted)
}

func TestImportNamesTheLine(t *testing.T) {
	t.Parallel()
	input, importer := readInput(t, 2), newImporter(t, newPool(t))
	_, err := importer.Invoices(t.Context(), input)
	require.ErrorContains(t, err, ": draft it: organisation ")
	require.ErrorContains(t, err, "line ")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = importer.Organisations(ctx, input)
	require.ErrorIs(t, err, context.Canceled)
}

// The same input always ends the same: by place, one in ten is updated, seven issued, five of them paid, two voided, and the first is deleted.
func TestLifecycleIsDeterministic(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	enact(t, pool, 40)
	counts := map[string]int{}
	for _, event := range recorded(t, pool) {
		counts[event.Type]++
	}
	require.Equal(t, map[string]int{
		"OrganisationCreated": 3, "ContactCreated": 3, "InvoiceDrafted": 40, "InvoiceUpdated": 4, "InvoiceIssued": 28, "InvoicePaid": 20,
		"InvoiceVoided": 8, "InvoiceDeleted": 1,
	}, counts)
	drafted, err := invoicing.ReadDrafted(t.Context(), pool, actor.TenantID)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"EUR": "1002.00", "JPY": "105200"}, drafted.Totals, "what was drafted, whatever became of it")
}
