package invoice

import (
	"time"

	"github.com/contrail-events/contrail/domain/money"
)

// State is what the events add up to. The zero value is an invoice that was never drafted. Its JSON form is fit for a snapshot.
type State struct {
	ID             string      `json:"id"`
	OrganisationID string      `json:"organisation_id"`
	ContactID      string      `json:"contact_id"`
	Status         Status      `json:"status"`
	CurrencyCode   string      `json:"currency_code"`
	DueDate        Date        `json:"due_date"`
	LineItems      []LineItem  `json:"line_items"` // shared with the event: not to be written to
	SubTotal       money.Money `json:"sub_total,omitzero"`
	Reference      string      `json:"reference,omitempty"` // the client's own name for it; "": none
	DraftedOn      Date        `json:"drafted_on"`          // UTC; zero where a plain SQL writer left it out
	IssuedAt       time.Time   `json:"issued_at,omitzero"`  // zero until it is issued
	PaidAt         time.Time   `json:"paid_at,omitzero"`    // zero until it is paid
	DeletedAt      time.Time   `json:"deleted_at,omitzero"` // zero while it lives
}

// CheckLive returns nil for an invoice that exists and is not deleted, else [ErrNotDrafted] or [ErrDeleted].
func (s State) CheckLive() error {
	switch {
	case s.ID == "":
		return ErrNotDrafted
	case !s.DeletedAt.IsZero():
		return ErrDeleted
	}
	return nil
}
