package domain_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/organisation"
)

// An aggregate of another tenant, one that never was and an id that is none all look the same.
func TestAnotherTenantsAggregatesDoNotExist(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t, domain.Config{}), t.Context()
	organisationID := f.organisation(t, alice)
	contactID := f.contact(t, alice, organisationID)
	drafted, err := f.invoices.Draft(ctx, alice, draft(organisationID, contactID))
	require.NoError(t, err)
	before := f.memory.events()

	calls := map[string]func(id string) error{
		"organisation.Rename": func(id string) error { _, err := f.organisations.Rename(ctx, mary, id, "Mine"); return err },
		"organisation.Delete": func(id string) error { _, err := f.organisations.Delete(ctx, mary, id); return err },
		"organisation.Find":   func(id string) error { _, err := f.organisations.Find(ctx, mary, id); return err },
		"contact.Create":      func(id string) error { _, err := f.contacts.Create(ctx, mary, id, leonie()); return err },
		"contact.Update":      func(id string) error { _, err := f.contacts.Update(ctx, mary, id, leonie()); return err },
		"contact.Delete":      func(id string) error { _, err := f.contacts.Delete(ctx, mary, id); return err },
		"contact.Find":        func(id string) error { _, err := f.contacts.Find(ctx, mary, id); return err },
		"invoice.Draft":       func(id string) error { _, err := f.invoices.Draft(ctx, mary, draft(id, contactID)); return err },
		"invoice.Update":      func(id string) error { _, err := f.invoices.Update(ctx, mary, id, domain.UpdateInvoice{}); return err },
		"invoice.Issue":       func(id string) error { _, err := f.invoices.Issue(ctx, mary, id); return err },
		"invoice.Pay":         func(id string) error { _, err := f.invoices.Pay(ctx, mary, id); return err },
		"invoice.Void":        func(id string) error { _, err := f.invoices.Void(ctx, mary, id); return err },
		"invoice.Delete":      func(id string) error { _, err := f.invoices.Delete(ctx, mary, id); return err },
		"invoice.Find":        func(id string) error { _, err := f.invoices.Find(ctx, mary, id); return err },
	}
	foreign := map[string]string{"organisation": organisationID, "contact": contactID, "invoice": drafted.ID}
	for name, call := range calls {
		kind, verb, _ := strings.Cut(name, ".")
		if verb == "Create" || verb == "Draft" {
			kind = "organisation" // whose id they are given
		}
		revealed, unknown := call(foreign[kind]), call(absent)
		require.ErrorIs(t, revealed, domain.ErrNotFound, name)
		require.ErrorIs(t, unknown, domain.ErrNotFound, name)
		require.Equal(t, unknown.Error(), strings.ReplaceAll(revealed.Error(), foreign[kind], absent), name)
		require.ErrorContains(t, unknown, kind+` "`+absent+`": not found`)
		for _, none := range []string{"", "42", "a.b", "*", strings.ToUpper(foreign[kind]), "urn:uuid:" + foreign[kind], strings.Repeat("x", 1000)} {
			require.ErrorIs(t, call(none), domain.ErrNotFound, name)
		}
	}
	require.Equal(t, before, f.memory.events())
}

// What is no id of ours never becomes part of a stream's name.
func TestOtherIDsAreNotLookedUp(t *testing.T) {
	t.Parallel()
	f := newFixture(t, domain.Config{})
	f.memory.loadError = errors.New("looked up")
	for _, id := range []string{"", "42", "a.b", "*", strings.ToUpper("0192aaaa-0000-7000-8000-000000000000"), "urn:uuid:" + absent} {
		_, err := f.organisations.Find(t.Context(), alice, id)
		require.ErrorIs(t, err, domain.ErrNotFound)
	}
}

func TestContactNeedsALivingOrganisation(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t, domain.Config{}), t.Context()
	id := f.organisation(t, alice)
	_, err := f.organisations.Delete(ctx, alice, id)
	require.NoError(t, err)
	_, err = f.contacts.Create(ctx, alice, id, leonie())
	require.ErrorIs(t, err, organisation.ErrDeleted)
}

func TestInvoiceNeedsALivingContactOfItsOrganisation(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t, domain.Config{}), t.Context()
	ours, theirs, foreign := f.organisation(t, alice), f.organisation(t, alice), f.organisation(t, mary)
	contactID, sibling := f.contact(t, alice, ours), f.contact(t, alice, ours)
	drafted, err := f.invoices.Draft(ctx, alice, draft(ours, contactID))
	require.NoError(t, err)
	attempt := func(contactID string) []error {
		_, draftErr := f.invoices.Draft(ctx, alice, draft(ours, contactID))
		_, updateErr := f.invoices.Update(ctx, alice, drafted.ID, domain.UpdateInvoice{
			ContactID: contactID, DueDate: day("2021-01-31"), LineItems: draft(ours, contactID).LineItems,
		})
		return []error{draftErr, updateErr}
	}
	for _, id := range []string{f.contact(t, alice, theirs), f.contact(t, mary, foreign), absent, "x"} {
		for _, err := range attempt(id) {
			require.ErrorIs(t, err, domain.ErrNotFound)
			require.ErrorContains(t, err, `contact "`+id+`": not found`)
		}
	}
	for _, err := range attempt(sibling) {
		require.NoError(t, err)
	}
	_, err = f.contacts.Delete(ctx, alice, contactID)
	require.NoError(t, err)
	for _, err := range attempt(contactID) {
		require.ErrorIs(t, err, contact.ErrDeleted)
	}
	_, err = f.organisations.Delete(ctx, alice, ours)
	require.NoError(t, err)
	_, err = f.invoices.Draft(ctx, alice, draft(ours, sibling))
	require.ErrorIs(t, err, organisation.ErrDeleted)
}
