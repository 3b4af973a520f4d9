package invoice

import (
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/money"
)

// Category is the part of the stream's name before the id.
const Category = "invoice"

// KeyDraftedOn is the metadata key under which InvoiceDrafted carries the day on which it was drafted, in UTC. It has no underscore, which a
// message would drop: so it is the same in the store and in the message.
const KeyDraftedOn = "draftedon"

// Event is one of [Drafted], [Updated], [Issued], [Paid], [Voided] and [Deleted].
//
//sumtype:decl
type Event interface {
	contrail.Payload
	isEvent()
}

// Drafted says that an invoice came to be.
type Drafted struct {
	Invoice   Body   `json:"invoice"`
	DraftedOn Date   `json:"-"` // travels in the metadata
	Reference string `json:"-"` // likewise; "": none
}

// Updated says that a draft now reads as follows: all of it.
type Updated struct {
	Invoice Body `json:"invoice"`
}

// Issued says that the invoice was sent and is to be paid.
type Issued struct {
	Invoice IssuedBody `json:"invoice"`
}

// Paid says that the invoice is settled.
type Paid struct {
	Invoice PaidBody `json:"invoice"`
}

// Voided says that the invoice is not to be paid.
type Voided struct {
	Invoice VoidedBody `json:"invoice"`
}

// Deleted says that the invoice is no more.
type Deleted struct {
	Invoice DeletedBody `json:"invoice"`
}

// Body is what Drafted and Updated tell.
type Body struct {
	ID             string      `json:"id"`
	OrganisationID string      `json:"organisation_id"`
	ContactID      string      `json:"contact_id"`
	Status         Status      `json:"status"`
	CurrencyCode   string      `json:"currency_code"`
	DueDate        Date        `json:"due_date"`
	LineItems      []LineItem  `json:"line_items"`
	SubTotal       money.Money `json:"sub_total"` // the sum of unit amount × quantity
}

// IssuedBody is what Issued tells.
type IssuedBody struct {
	ID             string    `json:"id"`
	Status         Status    `json:"status"`
	IssuedAt       time.Time `json:"issued_at"` // UTC, in microseconds
	OrganisationID string    `json:"organisation_id"`
}

// PaidBody is what Paid tells.
type PaidBody struct {
	ID             string    `json:"id"`
	Status         Status    `json:"status"`
	PaidAt         time.Time `json:"paid_at"` // UTC, in microseconds
	OrganisationID string    `json:"organisation_id"`
}

// VoidedBody is what Voided tells.
type VoidedBody struct {
	ID             string `json:"id"`
	Status         Status `json:"status"`
	OrganisationID string `json:"organisation_id"`
}

// DeletedBody is what Deleted tells.
type DeletedBody struct {
	ID             string    `json:"id"`
	OrganisationID string    `json:"organisation_id"`
	DeletedAt      time.Time `json:"deleted_at"` // UTC, in microseconds
}
