package domain_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
)

type chinookInvoice struct {
	Contact struct {
		Reference string `json:"reference"`
		contact.Details
	} `json:"contact"`
	CurrencyCode string       `json:"currency_code"`
	DueDate      invoice.Date `json:"due_date"`
	LineItems    []struct {
		Description string      `json:"description"`
		UnitAmount  money.Money `json:"unit_amount"`
		Quantity    int         `json:"quantity"`
	} `json:"line_items"`
	SubTotal money.Money `json:"sub_total"`
}

func (c chinookInvoice) draft(organisationID, contactID string) domain.DraftInvoice {
	draft := domain.DraftInvoice{
		OrganisationID: organisationID, ContactID: contactID, CurrencyCode: c.CurrencyCode, DueDate: c.DueDate,
	}
	for _, item := range c.LineItems {
		draft.LineItems = append(draft.LineItems, invoice.LineItem(item))
	}
	return draft
}

// Every invoice of a real shop passes the rules, and adds up to what the shop says. The data are not part of the project: where nothing is
// shared beside it, as in a clone alone, there is nothing to test with.
func TestChinookInvoices(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("../../shared"); errors.Is(err, fs.ErrNotExist) {
		t.Skip(err)
	}
	data, err := os.ReadFile("../../shared/data/chinook-invoices.jsonl")
	require.NoError(t, err)
	f, ctx := newFixture(t, domain.Config{}), t.Context()
	organisationID := f.organisation(t, alice)
	contacts, count := map[string]string{}, 0
	total, err := money.Zero("USD")
	require.NoError(t, err)
	for text := range bytes.Lines(data) {
		count++
		var source chinookInvoice
		require.NoError(t, json.Unmarshal(text, &source))
		if contacts[source.Contact.Reference] == "" {
			created, err := f.contacts.Create(ctx, alice, organisationID, source.Contact.Details)
			require.NoError(t, err, source.Contact.Email)
			contacts[source.Contact.Reference] = created.ID
		}
		drafted, err := f.invoices.Draft(ctx, alice, source.draft(organisationID, contacts[source.Contact.Reference]))
		require.NoError(t, err)
		found, err := f.invoices.Find(ctx, alice, drafted.ID)
		require.NoError(t, err)
		require.True(t, source.SubTotal.Equal(found.State.SubTotal))
		total, err = total.Add(found.State.SubTotal)
		require.NoError(t, err)
	}
	require.Equal(t, 412, count)
	require.Len(t, contacts, 59)
	require.Equal(t, "USD 2328.60", total.String())
}
