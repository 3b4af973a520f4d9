package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
)

var (
	noon  = time.Date(2021, 1, 1, 12, 0, 0, 123456789, time.UTC)
	alice = domain.Actor{TenantID: "t1", UserID: "alice", CorrelationID: "r1"}
	mary  = domain.Actor{TenantID: "t2", UserID: "mary"}
)

// absent is an id that nothing has.
const absent = "01920000-0000-7000-8000-000000000000"

func clock() time.Time { return noon }

func day(text string) invoice.Date {
	date, err := invoice.ParseDate(text)
	if err != nil {
		panic(err)
	}
	return date
}

func line(description, amount, code string, quantity int) invoice.LineItem {
	unit, err := money.Parse(amount, code)
	if err != nil {
		panic(err)
	}
	return invoice.LineItem{Description: description, UnitAmount: unit, Quantity: quantity}
}

// fixture is the three services over one store.
type fixture struct {
	memory        *memory
	organisations *domain.OrganisationService
	contacts      *domain.ContactService
	invoices      *domain.InvoiceService
}

func newFixture(t *testing.T, config domain.Config) *fixture {
	t.Helper()
	f := &fixture{memory: newMemory()}
	var err error
	f.organisations, err = domain.NewOrganisationService(f.memory, clock, config)
	require.NoError(t, err)
	f.contacts, err = domain.NewContactService(f.memory, clock, config)
	require.NoError(t, err)
	f.invoices, err = domain.NewInvoiceService(f.memory, clock, config)
	require.NoError(t, err)
	return f
}

func (f *fixture) organisation(t *testing.T, actor domain.Actor) string {
	t.Helper()
	result, err := f.organisations.Create(t.Context(), actor, "Acme")
	require.NoError(t, err)
	return result.ID
}

func (f *fixture) contact(t *testing.T, actor domain.Actor, organisationID string) string {
	t.Helper()
	result, err := f.contacts.Create(t.Context(), actor, organisationID, leonie())
	require.NoError(t, err)
	return result.ID
}

func leonie() contact.Details {
	return contact.Details{FirstName: "Leonie", LastName: "Köhler", Email: "leonekohler@surfeu.de"}
}

// draft is that of systems.md 4.3: 100 × 1 + 300 × 3.
func draft(organisationID, contactID string) domain.DraftInvoice {
	return domain.DraftInvoice{
		OrganisationID: organisationID, ContactID: contactID, CurrencyCode: "AUD", DueDate: day("2021-01-31"),
		LineItems: []invoice.LineItem{line("Green Widget", "100.00", "AUD", 1), line("Blue Widget", "300.00", "AUD", 3)},
	}
}

func (f *fixture) invoice(t *testing.T, actor domain.Actor) string {
	t.Helper()
	organisationID := f.organisation(t, actor)
	result, err := f.invoices.Draft(t.Context(), actor, draft(organisationID, f.contact(t, actor, organisationID)))
	require.NoError(t, err)
	return result.ID
}
