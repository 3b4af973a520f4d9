package domain

import (
	"context"

	"github.com/contrail-events/contrail/domain/invoice"
)

// InvoiceService runs the commands on invoices.
//
// Besides the rules of package invoice, every method returns ErrNotFound for an id that the tenant does not have,
// rule.FieldErrors for an actor without a tenant or a user, contrail.ErrConflict when the last attempt found one, and the
// store's errors. Ending ctx ends the transaction that is under way, and no other is begun.
type InvoiceService struct {
	handler    handler[invoice.State, invoice.Command, invoice.Event]
	references references
}

// DraftInvoice is what a new invoice says.
type DraftInvoice struct {
	OrganisationID string             // one of the tenant's, living
	ContactID      string             // one of the organisation's, living
	CurrencyCode   string             // ISO 4217
	DueDate        invoice.Date       // today, in UTC, or later
	LineItems      []invoice.LineItem // 1 to invoice.MaxLineItems, in CurrencyCode
}

// UpdateInvoice is what a draft is to say instead.
type UpdateInvoice struct {
	ContactID string             // one of the organisation's, living; "": as before
	DueDate   invoice.Date       // not before the day of the draft
	LineItems []invoice.LineItem // all of them, in the invoice's currency
}

// NewInvoiceService returns an error that names every argument and Config field that is wrong.
func NewInvoiceService(transactor Transactor, clock Clock, config Config) (*InvoiceService, error) {
	handler, err := newHandler(Invoices(), transactor, clock, config)
	if err != nil {
		return nil, err
	}
	return &InvoiceService{handler, newReferences()}, nil
}

// Draft makes a new invoice. Organisation and contact must be the tenant's, belong together and live: ErrNotFound,
// organisation.ErrDeleted, contact.ErrDeleted.
func (s *InvoiceService) Draft(ctx context.Context, actor Actor, draft DraftInvoice) (Result, error) {
	now := s.handler.clock()
	return s.handler.create(ctx, actor, func(ctx context.Context, store Store, id string) (invoice.Command, error) {
		if err := s.references.checkOrganisation(ctx, store, actor, draft.OrganisationID); err != nil {
			return nil, err
		}
		if err := s.references.checkContact(ctx, store, actor, draft.OrganisationID, draft.ContactID); err != nil {
			return nil, err
		}
		return invoice.Draft{
			ID: id, OrganisationID: draft.OrganisationID, ContactID: draft.ContactID,
			CurrencyCode: draft.CurrencyCode, DueDate: draft.DueDate, LineItems: draft.LineItems, At: now,
		}, nil
	})
}

// Update replaces a draft's due date and all its lines. A contact that is named must be the organisation's, and live.
func (s *InvoiceService) Update(ctx context.Context, actor Actor, id string, update UpdateInvoice) (Result, error) {
	return s.handler.change(ctx, actor, id, func(ctx context.Context, store Store, state invoice.State) (invoice.Command, error) {
		if update.ContactID != "" && update.ContactID != state.ContactID {
			if err := s.references.checkContact(ctx, store, actor, state.OrganisationID, update.ContactID); err != nil {
				return nil, err
			}
		}
		return invoice.Update(update), nil
	})
}

// Issue makes a draft due.
func (s *InvoiceService) Issue(ctx context.Context, actor Actor, id string) (Result, error) {
	return s.handler.do(ctx, actor, id, invoice.Issue{At: s.handler.clock()})
}

// Approve is Issue by its former name.
func (s *InvoiceService) Approve(ctx context.Context, actor Actor, id string) (Result, error) {
	return s.Issue(ctx, actor, id)
}

// Pay settles an issued invoice.
func (s *InvoiceService) Pay(ctx context.Context, actor Actor, id string) (Result, error) {
	return s.handler.do(ctx, actor, id, invoice.Pay{At: s.handler.clock()})
}

// Void takes back a draft or an issued invoice.
func (s *InvoiceService) Void(ctx context.Context, actor Actor, id string) (Result, error) {
	return s.handler.do(ctx, actor, id, invoice.Void{})
}

// Delete removes an invoice in whatever status.
func (s *InvoiceService) Delete(ctx context.Context, actor Actor, id string) (Result, error) {
	return s.handler.do(ctx, actor, id, invoice.Delete{At: s.handler.clock()})
}

// Find reads it with its history.
func (s *InvoiceService) Find(ctx context.Context, actor Actor, id string) (Found[invoice.State], error) {
	return s.handler.find(ctx, actor, id)
}
