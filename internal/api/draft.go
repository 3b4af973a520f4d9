package api

import (
	"time"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/invoice"
)

// DraftInput asks for a new invoice.
type DraftInput struct {
	Caller
	Keyed

	Body DraftInvoice
}

// DraftInvoice is what a new invoice says.
type DraftInvoice struct {
	OrganisationID string `json:"organisation_id" doc:"One of the tenant's, which lives."`
	ContactID      string `json:"contact_id" doc:"One of the organisation's, which lives."`
	CurrencyCode   string `json:"currency_code" doc:"ISO 4217, in capitals." example:"EUR"`
	DueDate        string `json:"due_date" doc:"A day, not before that of the draft." example:"2026-01-31"`
	LineItems      []Line `json:"line_items" doc:"1 to 300, all in the invoice's currency."`
	Reference      string `json:"reference,omitempty" doc:"The client's own name for it, 1 to 200 characters, which no other invoice of the tenant has or had."`
	DraftedOn      string `json:"drafted_on,omitempty" doc:"The day of the draft, for one from an old book: today, in UTC, or earlier. Default: today." example:"2026-01-01"`
}

// UpdateInvoiceInput asks for a draft to read otherwise.
type UpdateInvoiceInput struct {
	Caller
	Identified
	Conditional

	Body UpdateInvoice
}

// UpdateInvoice is what a draft is to say, all of it. Its currency stays.
type UpdateInvoice struct {
	OrganisationID string `json:"organisation_id,omitempty" doc:"The one that it has: it can't be changed."`
	ContactID      string `json:"contact_id,omitempty" doc:"One of the organisation's, which lives. Default: as before."`
	DueDate        string `json:"due_date" doc:"A day, not before that of the draft." example:"2026-01-31"`
	LineItems      []Line `json:"line_items" doc:"1 to 300, all in the invoice's currency."`
}

// Line is a line of an invoice.
type Line struct {
	Description string   `json:"description" doc:"1 to 250 characters." example:"Green Widget"`
	UnitAmount  Amount   `json:"unit_amount" doc:"Zero or more."`
	Quantity    Quantity `json:"quantity" doc:"1 to 1000000000." example:"3"`
}

// command is the draft, or all faults in it that can be told without looking at anything else.
func (d *DraftInvoice) command(now time.Time) (domain.DraftInvoice, error) {
	var read reading
	command := domain.DraftInvoice{
		OrganisationID: d.OrganisationID, ContactID: d.ContactID, CurrencyCode: d.CurrencyCode,
		DueDate: read.date("due_date", d.DueDate), DraftedOn: read.date("drafted_on", d.DraftedOn), LineItems: read.lines(d.LineItems),
	}
	if len(read) == 0 {
		return command, nil
	}
	_, err := invoice.Decide(invoice.State{}, invoice.Draft{
		ID: "new", OrganisationID: d.OrganisationID, ContactID: d.ContactID, CurrencyCode: d.CurrencyCode, Reference: d.Reference,
		DueDate: command.DueDate, DraftedOn: command.DraftedOn, LineItems: command.LineItems, At: now,
	})
	return command, read.beside(err)
}

// command is the update, or what in it can't be read.
func (u *UpdateInvoice) command() (domain.UpdateInvoice, error) {
	var read reading
	command := domain.UpdateInvoice{
		ContactID: u.ContactID, DueDate: read.date("due_date", u.DueDate), LineItems: read.lines(u.LineItems),
	}
	return command, read.beside(nil)
}
