package invoicing

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/rule"
)

// invoiceChange is what one event tells of an invoice. What it tells nothing of is zero.
type invoiceChange struct {
	organisationID string
	body           *invoice.Body
	status         invoice.Status // all but Deleted tell it
	movement       string
	movedAt        time.Time
}

// What moves what an organisation is owed.
const (
	movementIssued  = "issued"
	movementPaid    = "paid"
	movementVoided  = "voided"
	movementDeleted = "deleted"
)

func changeOf(event invoice.Event) invoiceChange {
	switch event := event.(type) {
	case invoice.Drafted:
		return bodyChange(event.Invoice)
	case invoice.Updated:
		return bodyChange(event.Invoice)
	case invoice.Issued:
		body := event.Invoice
		return invoiceChange{organisationID: body.OrganisationID, status: body.Status, movement: movementIssued, movedAt: body.IssuedAt}
	case invoice.Paid:
		body := event.Invoice
		return invoiceChange{organisationID: body.OrganisationID, status: body.Status, movement: movementPaid, movedAt: body.PaidAt}
	case invoice.Voided:
		body := event.Invoice
		return invoiceChange{organisationID: body.OrganisationID, status: body.Status, movement: movementVoided}
	case invoice.Deleted:
		body := event.Invoice
		return invoiceChange{organisationID: body.OrganisationID, movement: movementDeleted, movedAt: body.DeletedAt}
	}
	return invoiceChange{}
}

func bodyChange(body invoice.Body) invoiceChange {
	return invoiceChange{organisationID: body.OrganisationID, body: &body, status: body.Status}
}

// Why an event makes no sense.
var (
	errStatus   = errors.New("its status is none that an invoice can have")
	errCurrency = errors.New("its sub-total is not in the invoice's currency")
	errNoTime   = errors.New("it does not tell when the invoice was deleted")
	errForeign  = errors.New("its tenant or its organisation is not the one of the events before")
)

// check returns why an event makes no sense, whatever came before it.
func (c invoiceChange) check() error {
	faults := []*rule.FieldError{rule.ID("organisation_id", c.organisationID)}
	if c.body != nil {
		faults = append(faults, rule.ID("contact_id", c.body.ContactID))
	}
	switch {
	case c.body != nil && (c.body.CurrencyCode == "" || c.body.CurrencyCode != c.body.SubTotal.CurrencyCode()):
		return errCurrency
	case c.movement == movementDeleted && c.movedAt.IsZero():
		return errNoTime
	case c.movement != movementDeleted && !slices.Contains(invoice.Statuses(), c.status):
		return fmt.Errorf("%w: %.60q", errStatus, c.status)
	}
	return rule.Check(faults...)
}

// fold brings an event into the row. It returns why it makes no sense; then the row is as it was.
func (r *invoiceRow) fold(f fact, change invoiceChange) error {
	if err := change.check(); err != nil {
		return err
	}
	if r.tenantID != "" && (r.tenantID != f.tenant || r.organisationID != change.organisationID) {
		return errForeign
	}
	r.changed, r.tenantID, r.organisationID = true, f.tenant, change.organisationID
	if body := change.body; body != nil && f.Version > r.bodyVersion {
		r.bodyVersion, r.contactID, r.subTotal, r.dueDate = f.Version, body.ContactID, body.SubTotal, body.DueDate
	}
	if change.status != "" && f.Version > r.statusVersion {
		r.statusVersion, r.status = f.Version, change.status
	}
	switch change.movement {
	case movementIssued:
		r.issuedAt = change.movedAt
	case movementDeleted:
		r.deletedAt = change.movedAt
	}
	return nil
}
