package invoicing_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/subscribers"
)

// lines writes a summary as in "1 drafted AUD 95.00, 2 paid EUR 3.00".
func lines(summary invoicing.Summary) string {
	texts := make([]string, len(summary.Lines))
	for i, line := range summary.Lines {
		texts[i] = fmt.Sprintf("%d %s %s", line.Invoices, line.Status, line.SubTotal)
	}
	return strings.Join(texts, ", ")
}

// The summary follows an invoice through its life, by way of relay and projection, and who asks for his own change finds it.
func TestSummaryFollows(t *testing.T) {
	t.Parallel()
	w := newReadWorld(t)
	startReadModels(t, w.pool, subscribers.ProjectionConfig{})
	acme := w.party(t, actor, "Acme")
	follow := func(at contrail.Position, want string) {
		t.Helper()
		view, err := w.reader.Summary(t.Context(), actor.TenantID, acme.organisationID, at)
		require.NoError(t, err)
		require.Equal(t, want, lines(view.Value))
		require.GreaterOrEqual(t, view.Position, at)
	}
	follow(newest(t, w.pool), "")
	invoices := w.services.Invoices
	id, at := w.draft(t, acme, "2021-03-31", item(t, "100", "AUD", 1), item(t, "300", "AUD", 3))
	follow(at, "1 drafted AUD 1000.00")
	updated, err := invoices.Update(t.Context(), actor, id, domain.UpdateInvoice{
		DueDate: date(t, "2021-03-31"), LineItems: []invoice.LineItem{item(t, "25", "AUD", 3), item(t, "5", "AUD", 4)},
	})
	_, at = done(t, updated, err)
	follow(at, "1 drafted AUD 95.00")
	issued, err := invoices.Issue(t.Context(), actor, id)
	_, at = done(t, issued, err)
	follow(at, "1 issued AUD 95.00")
	paid, err := invoices.Pay(t.Context(), actor, id)
	_, at = done(t, paid, err)
	follow(at, "1 paid AUD 95.00")
	_, err = invoices.Void(t.Context(), actor, id)
	require.Error(t, err)
	follow(at, "1 paid AUD 95.00")

	other, _ := w.draft(t, acme, "2021-03-31", item(t, "1", "AUD", 1))
	voided, err := invoices.Void(t.Context(), actor, other)
	_, at = done(t, voided, err)
	follow(at, "1 paid AUD 95.00, 1 voided AUD 1.00")
	deleted, err := invoices.Delete(t.Context(), actor, id)
	_, at = done(t, deleted, err)
	follow(at, "1 voided AUD 1.00")
	deleted, err = invoices.Delete(t.Context(), actor, other)
	_, at = done(t, deleted, err)
	follow(at, "")
}

// Amounts are by currency, with its own decimals, and exact, beyond what one invoice may come to.
func TestSummaryOfSeveralCurrencies(t *testing.T) {
	t.Parallel()
	w := newReadWorld(t)
	acme, apex := w.party(t, actor, "Acme"), w.party(t, actor, "Apex")
	for range 3 {
		w.draft(t, acme, "2021-03-31", item(t, "999999999999999.99", "USD", 1))
	}
	w.draft(t, acme, "2021-03-31", item(t, "0.10", "USD", 2))
	w.issue(t, acme, "2021-03-31", item(t, "90", "JPY", 3))
	w.draft(t, acme, "2021-03-31", item(t, "0.001", "KWD", 1))
	w.issue(t, apex, "2021-03-31", item(t, "5", "JPY", 1))
	at := w.project(t)

	view, err := w.reader.Summary(t.Context(), actor.TenantID, acme.organisationID, at)
	require.NoError(t, err)
	require.Equal(t, at, view.Position)
	require.Equal(t, "1 issued JPY 270, 1 drafted KWD 0.001, 4 drafted USD 3000000000000000.17", lines(view.Value))
	all, err := invoicing.ReadSummaries(t.Context(), w.pool, actor.TenantID)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, view.Value, all[0])
	require.Equal(t, "1 issued JPY 5", lines(all[1]))
	comparison, err := invoicing.Compare(t.Context(), w.pool, actor.TenantID)
	require.NoError(t, err)
	require.Empty(t, comparison.Differences)

	text, err := json.Marshal(view.Value)
	require.NoError(t, err)
	require.Contains(t, string(text), `{"status":"drafted","invoices":4,"sub_total":{"amount":"3000000000000000.17","currency_code":"USD"}}`)
	var read invoicing.Summary
	require.NoError(t, json.Unmarshal(text, &read))
	require.Equal(t, lines(view.Value), lines(read))
	require.Error(t, json.Unmarshal([]byte(`{"lines":[{"sub_total":{"amount":"1","currency_code":"GELD"}}]}`), &read))
	require.Error(t, json.Unmarshal([]byte(`{"lines":[{"sub_total":{"amount":"one","currency_code":"USD"}}]}`), &read))
	require.Empty(t, invoicing.Total{}.String())
}

// An organisation's name is its newest one, and a deleted organisation keeps its invoices.
func TestSummaryNamesTheOrganisation(t *testing.T) {
	t.Parallel()
	w := newReadWorld(t)
	acme := w.party(t, actor, "Acme")
	w.draft(t, acme, "2021-03-31", item(t, "1", "EUR", 1))
	read := func() invoicing.Summary {
		view, err := w.reader.Summary(t.Context(), actor.TenantID, acme.organisationID, w.project(t))
		require.NoError(t, err)
		return view.Value
	}
	require.Equal(t, "Acme", read().Organisation)
	_, err := w.services.Organisations.Rename(t.Context(), actor, acme.organisationID, "Apex")
	require.NoError(t, err)
	require.Equal(t, "Apex", read().Organisation)
	require.Zero(t, read().DeletedAt)
	_, err = w.services.Organisations.Delete(t.Context(), actor, acme.organisationID)
	require.NoError(t, err)
	require.Equal(t, "Apex", read().Organisation)
	require.Equal(t, monday(), read().DeletedAt)
	require.Equal(t, "1 drafted EUR 1.00", lines(read()))
}

// Anybody may insert an organisation by hand, with a name that no index could hold: that stops nobody's summary.
func TestSummaryOfALongName(t *testing.T) {
	t.Parallel()
	w := newReadWorld(t)
	const sql = `INSERT INTO contrail.events (stream, version, type, data, metadata) SELECT 'organisation-hand', 1, 'OrganisationCreated', jsonb_build_object('organisation',
		jsonb_build_object('id', 'hand', 'name', (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 5000) AS n))), '{"tenant_id":"t1"}'`
	_, err := w.pool.Exec(t.Context(), sql)
	require.NoError(t, err)
	w.project(t)
	view, err := w.reader.Summary(t.Context(), actor.TenantID, "hand", 0)
	require.NoError(t, err)
	require.Len(t, view.Value.Organisation, 160_000)
}

// Each invoice is as large as one may be; all of them together are larger.
func TestTotalsBeyondAnInvoice(t *testing.T) {
	t.Parallel()
	w := newReadWorld(t)
	acme := w.party(t, actor, "Acme")
	for range 3 {
		w.issue(t, acme, "2021-03-31", item(t, "999999999999999.99", "EUR", 1))
	}
	w.project(t)
	drafted, err := invoicing.ReadDrafted(t.Context(), w.pool, actor.TenantID)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"EUR": "2999999999999999.97"}, drafted.Totals)
	view, err := w.reader.Summary(t.Context(), actor.TenantID, acme.organisationID, 0)
	require.NoError(t, err)
	require.Equal(t, "EUR 2999999999999999.97", view.Value.Lines[0].SubTotal.String())
	comparison, err := invoicing.Compare(t.Context(), w.pool, actor.TenantID)
	require.NoError(t, err)
	require.Empty(t, comparison.Differences)
}
