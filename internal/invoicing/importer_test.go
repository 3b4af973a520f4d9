package invoicing_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/invoicing"
)

// Steps that are taken again, after they broke off or by mistake, add what is missing and nothing else.
func TestImportAgain(t *testing.T) {
	t.Parallel()
	pool, ctx := newPool(t), t.Context()
	input := readInput(t, 20)
	part := input
	part.Invoices = input.Invoices[:10]
	remembering := newImporter(t, pool)
	for _, want := range []struct {
		importer                          *invoicing.Importer
		input                             invoicing.Input
		organisations, contacts, invoices invoicing.Created
	}{
		{remembering, part, invoicing.Created{New: 3}, invoicing.Created{New: 3}, invoicing.Created{New: 10}},
		{remembering, input, invoicing.Created{Before: 3}, invoicing.Created{Before: 3}, invoicing.Created{New: 10, Before: 10}},
		{newImporter(t, pool), input, invoicing.Created{Before: 3}, invoicing.Created{Before: 3}, invoicing.Created{Before: 20}},
	} {
		created, err := want.importer.Organisations(ctx, want.input)
		require.NoError(t, err)
		require.Equal(t, want.organisations, created)
		created, err = want.importer.Contacts(ctx, want.input)
		require.NoError(t, err)
		require.Equal(t, want.contacts, created)
		created, err = want.importer.Invoices(ctx, want.input)
		require.NoError(t, err)
		require.Equal(t, want.invoices, created)
	}
	drafted, err := invoicing.ReadDrafted(ctx, pool, actor.TenantID)
	require.NoError(t, err)
	require.Equal(t, invoicing.Drafted{Invoices: 20, Totals: map[string]string{"EUR": "251.00", "JPY": "27600"}}, drafted)
}

func TestImporterNamesTheLine(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	input, importer := readInput(t, 2), newImporter(t, pool)
	_, err := importer.Invoices(t.Context(), input)
	require.NoError(t, err)
	other := input
	other.Invoices = append([]invoicing.Invoice{}, input.Invoices...)
	other.Invoices[1].Contact.Email = "eva@example.org"
	_, err = newImporter(t, pool).Invoices(t.Context(), other)
	require.EqualError(t, err, `line 2 (i-1): contact.email is there already, and reads otherwise: "ada@example.org" there, "eva@example.org" here; `+
		`correct the line, or give it a reference of its own`)
	_, err = invoicing.NewLifecycle(importer).Take(t.Context(), invoicing.StepPay, readInput(t, 6))
	require.ErrorContains(t, err, "line 6 (i-5): pay it: ")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = newImporter(t, pool).Organisations(ctx, input)
	require.ErrorIs(t, err, context.Canceled)
	_, err = invoicing.NewImporter(nil, actor, 0).Organisations(t.Context(), input)
	require.ErrorContains(t, err, "transactor is nil")
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
