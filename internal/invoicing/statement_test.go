package invoicing_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/invoicing"
)

// A statement tells what each movement adds, and what is owed after it, a currency for itself.
func TestStatementRunsAlong(t *testing.T) {
	t.Parallel()
	w := newReadWorld(t)
	acme, apex := w.party(t, actor, "Acme"), w.party(t, actor, "Apex")
	euros, _ := w.issue(t, acme, "2021-03-31", item(t, "999999999999999.99", "EUR", 1))
	w.project(t)
	yen, _ := w.issue(t, acme, "2021-03-31", item(t, "270", "JPY", 1))
	more, _ := w.issue(t, acme, "2021-03-31", item(t, "999999999999999.99", "EUR", 1))
	w.issue(t, apex, "2021-03-31", item(t, "7", "EUR", 1))
	w.project(t)
	never, _ := w.draft(t, acme, "2021-03-31", item(t, "5", "EUR", 1))
	_, err := w.services.Invoices.Void(t.Context(), actor, never)
	require.NoError(t, err)
	_, err = w.services.Invoices.Pay(t.Context(), actor, euros)
	require.NoError(t, err)
	_, err = w.services.Invoices.Void(t.Context(), actor, yen)
	require.NoError(t, err)
	_, err = w.services.Invoices.Delete(t.Context(), actor, euros)
	require.NoError(t, err)
	w.project(t)
	names := map[string]string{euros: "euros", yen: "yen", more: "more", never: "never"}
	var got []string
	for _, line := range statementOf(t, w.reader, acme.organisationID) {
		require.False(t, line.MovedAt.Before(monday()))
		got = append(got, fmt.Sprintf("%s %s: %s, %s", names[line.InvoiceID], line.Movement, line.Amount, line.Balance))
	}
	require.Equal(t, []string{
		"euros issued: EUR 999999999999999.99, EUR 999999999999999.99",
		"yen issued: JPY 270, JPY 270",
		"more issued: EUR 999999999999999.99, EUR 1999999999999999.98",
		"never voided: EUR 0.00, EUR 1999999999999999.98",
		"euros paid: EUR -999999999999999.99, EUR 999999999999999.99",
		"yen voided: JPY -270, JPY 0",
		"euros deleted: EUR 0.00, EUR 999999999999999.99",
	}, got)
	view, err := w.reader.Statement(t.Context(), actor.TenantID, apex.organisationID, invoicing.StatementPage{}, 0)
	require.NoError(t, err)
	require.Len(t, view.Value.Lines, 1)
}
