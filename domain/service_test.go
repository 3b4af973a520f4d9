package domain_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/domain/rule"
)

// The lifecycle of systems.md 4.3.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t, domain.Config{}), t.Context()
	id := f.invoice(t, alice)
	find := func() invoice.State {
		found, err := f.invoices.Find(ctx, alice, id)
		require.NoError(t, err)
		require.Equal(t, int64(len(found.Events)), found.Version)
		require.Equal(t, id, found.ID)
		return found.State
	}
	require.Equal(t, "AUD 1000.00", find().SubTotal.String())

	_, err := f.invoices.Update(ctx, alice, id, domain.UpdateInvoice{
		DueDate:   day("2021-02-28"),
		LineItems: []invoice.LineItem{line("Red Widget", "25.00", "AUD", 3), line("Grey Widget", "5.00", "AUD", 4)},
	})
	require.NoError(t, err)
	require.Equal(t, "AUD 95.00", find().SubTotal.String())

	_, err = f.invoices.Issue(ctx, alice, id)
	require.NoError(t, err)
	_, err = f.invoices.Pay(ctx, alice, id)
	require.NoError(t, err)
	require.Equal(t, rule.Moment(noon), find().PaidAt)
	_, err = f.invoices.Void(ctx, alice, id)
	var refused *invoice.TransitionError
	require.ErrorAs(t, err, &refused)
	result, err := f.invoices.Delete(ctx, alice, id)
	require.NoError(t, err)
	require.Equal(t, "InvoiceDeleted", result.Events[0].Type)
	_, err = f.invoices.Delete(ctx, alice, id)
	require.ErrorIs(t, err, invoice.ErrDeleted)

	require.Equal(t, rule.Moment(noon), find().DeletedAt)
	require.Equal(t, []string{"InvoiceDrafted", "InvoiceUpdated", "InvoiceIssued", "InvoicePaid", "InvoiceDeleted"},
		f.memory.types(contrail.NewStreamID("invoice", id)))
}

func TestApproveIsIssue(t *testing.T) {
	t.Parallel()
	f := newFixture(t, domain.Config{})
	result, err := f.invoices.Approve(t.Context(), alice, f.invoice(t, alice))
	require.NoError(t, err)
	require.Equal(t, "InvoiceIssued", result.Events[0].Type)
}

func TestOrganisationAndContactCommands(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t, domain.Config{}), t.Context()
	organisationID := f.organisation(t, alice)
	contactID := f.contact(t, alice, organisationID)

	_, err := f.organisations.Rename(ctx, alice, organisationID, "Apex")
	require.NoError(t, err)
	found, err := f.organisations.Find(ctx, alice, organisationID)
	require.NoError(t, err)
	require.Equal(t, organisation.State{ID: organisationID, Name: "Apex"}, found.State)

	details := contact.Details{FirstName: "Bjørn", LastName: "Hansen", Email: "bjorn.hansen@yahoo.no"}
	_, err = f.contacts.Update(ctx, alice, contactID, details)
	require.NoError(t, err)
	person, err := f.contacts.Find(ctx, alice, contactID)
	require.NoError(t, err)
	require.Equal(t, contact.State{ID: contactID, OrganisationID: organisationID, Details: details}, person.State)

	_, err = f.contacts.Delete(ctx, alice, contactID)
	require.NoError(t, err)
	_, err = f.contacts.Update(ctx, alice, contactID, details)
	require.ErrorIs(t, err, contact.ErrDeleted)
	_, err = f.organisations.Delete(ctx, alice, organisationID)
	require.NoError(t, err)
	_, err = f.organisations.Rename(ctx, alice, organisationID, "Acme")
	require.ErrorIs(t, err, organisation.ErrDeleted)
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	f := newFixture(t, domain.Config{})
	id := f.invoice(t, alice)
	issued, err := f.invoices.Issue(t.Context(), alice, id)
	require.NoError(t, err)
	require.Equal(t, id, issued.ID)
	require.Equal(t, contrail.Metadata{"tenant_id": "t1", "user_id": "alice", "correlation_id": "r1"}, issued.Events[0].Metadata)

	organisationID := f.organisation(t, mary)
	created, err := f.contacts.Create(t.Context(), mary, organisationID, leonie())
	require.NoError(t, err)
	require.Equal(t, contrail.Metadata{"tenant_id": "t2", "user_id": "mary", "organisationid": organisationID}, created.Events[0].Metadata)

	drafted, err := f.invoices.Draft(t.Context(), mary, draft(organisationID, created.ID))
	require.NoError(t, err)
	require.Equal(t, contrail.Metadata{"tenant_id": "t2", "user_id": "mary", "draftedon": "2021-01-01"}, drafted.Events[0].Metadata)
	require.NoError(t, drafted.Events[0].Metadata.Validate())
}

func TestIDsAreUUIDv7(t *testing.T) {
	t.Parallel()
	f := newFixture(t, domain.Config{})
	id, err := uuid.Parse(f.organisation(t, alice))
	require.NoError(t, err)
	require.Equal(t, uuid.Version(7), id.Version())

	bad := newFixture(t, domain.Config{NewID: func() string { return "acme" }})
	_, err = bad.organisations.Create(t.Context(), alice, "Acme")
	require.ErrorContains(t, err, "Config.NewID")
}

func TestSecondCreationIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t, domain.Config{NewID: func() string { return absent }})
	f.organisation(t, alice)
	_, err := f.organisations.Create(t.Context(), alice, "Acme")
	require.ErrorIs(t, err, organisation.ErrExists)
}

func TestActorIsRequired(t *testing.T) {
	t.Parallel()
	f := newFixture(t, domain.Config{})
	for _, actor := range []domain.Actor{{}, {TenantID: "t1"}, {UserID: "alice"}, {TenantID: "t\x00", UserID: "u"}, {"t", "u", "\n"}} {
		_, err := f.organisations.Create(t.Context(), actor, "Acme")
		require.ErrorIs(t, err, rule.ErrInvalid)
		_, err = f.organisations.Find(t.Context(), actor, absent)
		require.ErrorIs(t, err, rule.ErrInvalid)
	}
	require.Zero(t, f.memory.transactions)
}

func TestConstructorsReportEveryFault(t *testing.T) {
	t.Parallel()
	_, err := domain.NewOrganisationService(nil, nil, domain.Config{Attempts: -1})
	require.EqualError(t, err, "new organisation service: transactor is nil: pass the one that runs a transaction of your store\n"+
		"clock is nil: pass time.Now\nConfig.Attempts is -1: give 1 or more, or 0 for 8")
	_, err = domain.NewContactService(newMemory(), nil, domain.Config{})
	require.ErrorContains(t, err, "clock is nil")
	_, err = domain.NewInvoiceService(nil, clock, domain.Config{})
	require.ErrorContains(t, err, "transactor is nil")
}

func TestWhatCannotBeReadIsReported(t *testing.T) {
	t.Parallel()
	f := newFixture(t, domain.Config{})
	id := f.organisation(t, alice)
	stream := contrail.NewStreamID("organisation", id)
	f.memory.streams[stream.String()][0].Type = "OrganisationMerged"
	_, err := f.organisations.Rename(t.Context(), alice, id, "Apex")
	var unknown *codec.UnknownTypeError
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, stream, unknown.Stream)

	f = newFixture(t, domain.Config{})
	f.memory.loadError = context.DeadlineExceeded
	_, err = f.organisations.Find(t.Context(), alice, id)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "load "+stream.String())
	_, err = f.contacts.Create(t.Context(), alice, absent, leonie())
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// A snapshot is the aggregate as JSON; what comes after it applies to it as it does to the original.
func TestAggregateSurvivesASnapshot(t *testing.T) {
	t.Parallel()
	f := newFixture(t, domain.Config{})
	id := f.invoice(t, alice)
	found, err := f.invoices.Find(t.Context(), alice, id)
	require.NoError(t, err)
	text, err := json.Marshal(found.Aggregate)
	require.NoError(t, err)
	var snapshot domain.Aggregate[invoice.State]
	require.NoError(t, json.Unmarshal(text, &snapshot))
	require.Equal(t, found.Aggregate, snapshot)

	issued, err := f.invoices.Issue(t.Context(), alice, id)
	require.NoError(t, err)
	after, err := domain.Invoices().Apply(snapshot, issued.Events[0])
	require.NoError(t, err)
	found, err = f.invoices.Find(t.Context(), alice, id)
	require.NoError(t, err)
	require.Equal(t, found.Aggregate, after)
}

func TestErrorsOfTheStoreComeBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t, domain.Config{})
	id := f.organisation(t, alice)
	f.memory.onAppend = func(contrail.StreamID) error { return context.DeadlineExceeded }
	transactions := f.memory.transactions
	_, err := f.organisations.Rename(t.Context(), alice, id, "Apex")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "append organisation-"+id+" at version 1")
	require.Equal(t, transactions+1, f.memory.transactions, "only a conflict is tried again")
}

// An old invoice may be entered later, with the day on which it was drafted; its due date may have passed long ago.
func TestAnOldInvoice(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t, domain.Config{}), t.Context()
	organisationID := f.organisation(t, alice)
	old := draft(organisationID, f.contact(t, alice, organisationID))
	old.DraftedOn, old.DueDate = day("2009-01-01"), day("2009-01-31")
	drafted, err := f.invoices.Draft(ctx, alice, old)
	require.NoError(t, err)
	require.Equal(t, "2009-01-01", drafted.Events[0].Metadata["draftedon"])
	_, err = f.invoices.Update(ctx, alice, drafted.ID, domain.UpdateInvoice{DueDate: day("2009-01-01"), LineItems: old.LineItems})
	require.NoError(t, err)
	_, err = f.invoices.Update(ctx, alice, drafted.ID, domain.UpdateInvoice{DueDate: day("2008-12-31"), LineItems: old.LineItems})
	require.ErrorIs(t, err, invoice.ErrDueBeforeDraft)

	old.DraftedOn, old.DueDate = day("2021-01-01"), day("2021-01-01")
	_, err = f.invoices.Draft(ctx, alice, old)
	require.NoError(t, err, "today")
	old.DraftedOn, old.DueDate = day("2021-01-02"), day("2021-01-02")
	_, err = f.invoices.Draft(ctx, alice, old)
	require.ErrorIs(t, err, invoice.ErrDraftedInFuture)
	require.ErrorContains(t, err, "drafted_on ")
}
