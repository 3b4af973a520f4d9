package invoicing

import (
	"fmt"
	"time"

	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/domain/organisation"
)

// wireDraft is an invoice as the API takes it.
type wireDraft struct {
	Reference      string         `json:"reference"`
	OrganisationID string         `json:"organisation_id"`
	ContactID      string         `json:"contact_id"`
	CurrencyCode   string         `json:"currency_code"`
	DueDate        invoice.Date   `json:"due_date"`
	DraftedOn      invoice.Date   `json:"drafted_on,omitzero"`
	LineItems      []wireLineItem `json:"line_items"`
}

func newWireDraft(posting PostInvoice) wireDraft {
	draft := wireDraft{
		Reference: posting.Reference, OrganisationID: posting.OrganisationID, ContactID: posting.ContactID,
		CurrencyCode: posting.CurrencyCode, DueDate: posting.DueDate, DraftedOn: posting.DraftedOn, LineItems: []wireLineItem{},
	}
	for _, line := range posting.LineItems {
		draft.LineItems = append(draft.LineItems, wireLineItem{
			line.Description, wireMoney{line.UnitAmount.Amount(), line.UnitAmount.CurrencyCode()}, line.Quantity,
		})
	}
	return draft
}

// wireFound is an organisation, a contact or an invoice as the API shows it: the fields that an import compares.
type wireFound struct {
	contact.Details

	ID             string         `json:"id"`
	Reference      string         `json:"reference"`
	Name           string         `json:"name"`
	OrganisationID string         `json:"organisation_id"`
	ContactID      string         `json:"contact_id"`
	CurrencyCode   string         `json:"currency_code"`
	DueDate        invoice.Date   `json:"due_date"`
	DraftedOn      invoice.Date   `json:"drafted_on"`
	LineItems      []wireLineItem `json:"line_items"`
	DeletedAt      *time.Time     `json:"deleted_at"`
}

func (w wireFound) found(kind string) (Found, error) {
	found := Found{ID: w.ID, Deleted: w.DeletedAt != nil && !w.DeletedAt.IsZero()}
	switch kind {
	case organisation.Category:
		found.Posting = PostOrganisation{Reference: w.Reference, Name: w.Name}
		return found, nil
	case contact.Category:
		found.Posting = PostContact{Reference: w.Reference, OrganisationID: w.OrganisationID, Details: w.Details}
		return found, nil
	}
	posting := PostInvoice{
		Reference: w.Reference, OrganisationID: w.OrganisationID, ContactID: w.ContactID,
		CurrencyCode: w.CurrencyCode, DueDate: w.DueDate, DraftedOn: w.DraftedOn,
	}
	for n, line := range w.LineItems {
		amount, err := money.Parse(line.UnitAmount.Amount, line.UnitAmount.CurrencyCode)
		if err != nil {
			return Found{}, fmt.Errorf("line %d of invoice %s, as the API shows it: %w", n, cut(w.ID), err)
		}
		posting.LineItems = append(posting.LineItems, invoice.LineItem{Description: line.Description, UnitAmount: amount, Quantity: line.Quantity})
	}
	found.Posting = posting
	return found, nil
}
