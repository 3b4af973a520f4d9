package domaintest

import (
	"fmt"
	"math/big"
	"time"

	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/organisation"
)

// The kinds of aggregates, by the categories of their streams.
const (
	organisations = organisation.Category
	contacts      = contact.Category
	invoices      = invoice.Category
)

// aggregate is what the model knows of one, of whatever kind.
type aggregate struct {
	kind, id       string
	tenant         int
	reference      string
	organisationID string // of a contact and an invoice
	version        int64
	deletedAt      time.Time

	name    string          // of an organisation
	details contact.Details // of a contact

	contactID          string // from here on: of an invoice
	status             invoice.Status
	currency           currency
	dueDate, draftedOn invoice.Date
	issuedAt, paidAt   time.Time
	lines              []line
	total              *big.Int // in minor units

	past []string // what it was at each version, as a text
}

func (a *aggregate) isDeleted() bool { return !a.deletedAt.IsZero() }

// text is all of it, for a comparison.
func (a *aggregate) text() string {
	switch a.kind {
	case organisations:
		return organisationText(organisation.State{ID: a.id, Name: a.name, Reference: a.reference, DeletedAt: a.deletedAt})
	case contacts:
		return contactText(contact.State{
			ID: a.id, OrganisationID: a.organisationID, Details: a.details, Reference: a.reference, DeletedAt: a.deletedAt,
		})
	}
	total := a.currency.code + " " + a.currency.write(a.total)
	head := invoice.State{
		ID: a.id, OrganisationID: a.organisationID, ContactID: a.contactID, Status: a.status, CurrencyCode: a.currency.code, DueDate: a.dueDate,
		DraftedOn: a.draftedOn, IssuedAt: a.issuedAt, PaidAt: a.paidAt, DeletedAt: a.deletedAt, Reference: a.reference,
	}
	return invoiceText(head, lineTexts(a.lines), total)
}

func organisationText(s organisation.State) string { return fmt.Sprintf("%+v", s) }

func contactText(s contact.State) string { return fmt.Sprintf("%+v", s) }

func invoiceText(s invoice.State, lines []string, total string) string {
	return fmt.Sprintln(
		s.ID, s.OrganisationID, s.ContactID, s.Reference, s.Status, s.CurrencyCode, s.DueDate, s.DraftedOn, s.IssuedAt, s.PaidAt, s.DeletedAt,
		lines, total,
	)
}

// stateText is text of what a service says.
func stateText(state any) string {
	switch state := state.(type) {
	case organisation.State:
		return organisationText(state)
	case contact.State:
		return contactText(state)
	case invoice.State:
		lines := make([]string, len(state.LineItems))
		for i, item := range state.LineItems {
			lines[i] = fmt.Sprintf("%s: %d x %s", item.Description, item.Quantity, item.UnitAmount)
		}
		return invoiceText(state, lines, state.SubTotal.String())
	}
	return fmt.Sprintf("no state: %T", state)
}
