package domain_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/domain/rule"
)

func TestReferences(t *testing.T) {
	t.Parallel()
	f, ctx, reference := newFixture(t, domain.Config{}), t.Context(), domain.WithReference("Größe 7")
	acme, err := f.organisations.Create(ctx, alice, "Acme", reference)
	require.NoError(t, err)
	leonies, err := f.contacts.Create(ctx, alice, acme.ID, leonie(), reference)
	require.NoError(t, err, "each kind has its own")
	drafted, err := f.invoices.Draft(ctx, alice, draft(acme.ID, leonies.ID), reference)
	require.NoError(t, err)
	for _, result := range []domain.Result{acme, leonies, drafted} {
		require.Equal(t, "Größe 7", result.Events[0].Metadata["reference"])
	}
	found, err := f.invoices.Find(ctx, alice, drafted.ID)
	require.NoError(t, err)
	require.Equal(t, "Größe 7", found.State.Reference)
	person, err := f.contacts.Find(ctx, alice, leonies.ID)
	require.NoError(t, err)
	require.Equal(t, "Größe 7", person.State.Reference)

	_, err = f.organisations.Create(ctx, mary, "Acme", reference)
	require.NoError(t, err, "each tenant has its own")
	taken := func(err error, kind, id string) {
		t.Helper()
		var faulty *domain.ReferenceError
		require.ErrorAs(t, err, &faulty)
		require.Equal(t, domain.ReferenceError{Ref: domain.Ref{Kind: kind, ID: id}, Reference: "Größe 7"}, *faulty)
		require.ErrorIs(t, err, domain.ErrReferenceTaken)
		require.ErrorIs(t, err, rule.ErrRefused)
	}
	_, err = f.invoices.Draft(ctx, alice, draft(acme.ID, leonies.ID), reference)
	taken(err, "invoice", drafted.ID)
	_, err = f.contacts.Create(ctx, alice, acme.ID, leonie(), reference)
	taken(err, "contact", leonies.ID)
	_, err = f.organisations.Delete(ctx, alice, acme.ID)
	require.NoError(t, err)
	_, err = f.organisations.Create(ctx, alice, "Acme", reference)
	taken(err, "organisation", acme.ID)
}

func TestReferencesAreChecked(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t, domain.Config{}), t.Context()
	for reference, want := range map[string]error{
		" ": rule.ErrBlank, "a\nb": rule.ErrUnprintable, "\x00": rule.ErrUnprintable, strings.Repeat("ä", 201): rule.ErrTooLong,
	} {
		_, err := f.organisations.Create(ctx, alice, "Acme", domain.WithReference(reference))
		require.ErrorIs(t, err, want)
		require.ErrorContains(t, err, "reference ")
	}
	id := f.organisation(t, alice)
	_, err := f.organisations.Rename(ctx, alice, id, "Apex", domain.WithReference("r"))
	require.ErrorIs(t, err, domain.ErrReferenceFixed)
	for range 2 {
		created, err := f.organisations.Create(ctx, alice, "Acme", domain.WithReference(""))
		require.NoError(t, err, "none")
		require.NotContains(t, created.Events[0].Metadata, "reference")
	}
	_, err = f.organisations.Create(ctx, alice, "Acme", domain.WithReference(strings.Repeat("ä", 200)))
	require.NoError(t, err)
}

// Another program appends, and knows of no register: the entries are written from the streams once somebody comes upon them.
func TestEntriesAreHealed(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t, domain.Config{Attempts: 1}), t.Context()
	organisationID := f.organisation(t, alice)
	contactID := f.contact(t, alice, organisationID)
	clear(f.memory.entries)
	_, err := f.invoices.Draft(ctx, alice, draft(organisationID, contactID))
	require.NoError(t, err)
	require.Len(t, f.memory.entries, 3)

	clear(f.memory.entries)
	_, err = f.invoices.Draft(ctx, mary, draft(organisationID, contactID))
	require.ErrorIs(t, err, domain.ErrNotFound, "not for another tenant")
	require.Empty(t, f.memory.entries)

	_, err = f.contacts.Delete(ctx, alice, contactID)
	require.NoError(t, err)
	_, err = f.invoices.Draft(ctx, alice, draft(organisationID, contactID))
	require.ErrorIs(t, err, contact.ErrDeleted)

	stream := contrail.NewStreamID("organisation", organisationID).String()
	deleted := f.memory.streams[stream][0]
	deleted.Version, deleted.Type = 2, "OrganisationDeleted"
	deleted.Data = []byte(`{"organisation":{"id":"` + organisationID + `","name":"Acme","deleted_at":"2021-01-01T00:00:00Z"}}`)
	f.memory.streams[stream] = append(f.memory.streams[stream], deleted)
	_, err = f.contacts.Create(ctx, alice, organisationID, leonie())
	require.ErrorIs(t, err, organisation.ErrDeleted, "an entry behind its stream says nothing")
}

// Two programs gave two aggregates one reference. The first to be written keeps it, and both can be worked with.
func TestHealingOfATakenReference(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t, domain.Config{}), t.Context()
	first, err := f.organisations.Create(ctx, alice, "Acme", domain.WithReference("r"))
	require.NoError(t, err)
	kept := f.memory.entries
	f.memory.entries = map[entryKey]domain.Entry{}
	second, err := f.organisations.Create(ctx, alice, "Acme", domain.WithReference("r"))
	require.NoError(t, err)
	f.memory.entries = kept
	_, err = f.organisations.Rename(ctx, alice, second.ID, "Apex")
	require.NoError(t, err)
	page, err := f.organisations.List(ctx, alice, domain.ListFilter{Reference: "r"})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, first.ID, page.Items[0].ID)
}
