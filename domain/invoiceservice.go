package domain

import (
	"context"

	"github.com/contrail-events/contrail/domain/invoice"
)

// InvoiceService runs the commands on invoices.
//
// Besides the rules of package invoice, every method returns ErrNotFound for an id that the tenant does not have,
// rule.FieldErrors for an actor without a tenant or a user, contrail.ErrConflict when the last attempt found one, the store's errors, and
// what its options are documented with. Ending ctx ends the transaction that is under way, and no other is begun.
type InvoiceService struct {
	handler    handler[invoice.State, invoice.Command, invoice.Event]
	references references
}

// DraftInvoice is what a new invoice says.
type DraftInvoice struct {
	OrganisationID string             `json:"organisation_id"`     // one of the tenant's, living
	ContactID      string             `json:"contact_id"`          // one of the organisation's, living
	CurrencyCode   string             `json:"currency_code"`       // ISO 4217
	DueDate        invoice.Date       `json:"due_date"`            // DraftedOn or later
	LineItems      []invoice.LineItem `json:"line_items"`          // 1 to invoice.MaxLineItems, in CurrencyCode
	DraftedOn      invoice.Date       `json:"drafted_on,omitzero"` // for what was drafted elsewhere before; zero: today, in UTC
}

// UpdateInvoice is what a draft is to say instead.
type UpdateInvoice struct {
	ContactID string             `json:"contact_id,omitempty"` // one of the organisation's, living; the one there is or "": as before
	DueDate   invoice.Date       `json:"due_date"`             // not before the day of the draft
	LineItems []invoice.LineItem `json:"line_items"`           // all of them, in the invoice's currency
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
func (s *InvoiceService) Draft(ctx context.Context, actor Actor, draft DraftInvoice, opts ...Option) (Result, error) {
	given, now := newRequest(actor, "draft", "", draft, opts), s.handler.clock()
	return s.handler.create(ctx, given, func(ctx context.Context, tx Tx, id string) (invoice.Command, error) {
		if err := s.references.checkBoth(ctx, tx, actor, draft.OrganisationID, draft.ContactID); err != nil {
			return nil, err
		}
		return invoice.Draft{
			ID: id, OrganisationID: draft.OrganisationID, ContactID: draft.ContactID, CurrencyCode: draft.CurrencyCode,
			DueDate: draft.DueDate, LineItems: draft.LineItems, Reference: given.options.reference, DraftedOn: draft.DraftedOn, At: now,
		}, nil
	})
}

// Update replaces a draft's due date and all its lines. Another contact must be the organisation's, and live.
func (s *InvoiceService) Update(
	ctx context.Context, actor Actor, id string, update UpdateInvoice, opts ...Option,
) (Result, error) {
	given := newRequest(actor, "update", id, update, opts)
	return s.handler.change(ctx, given, func(ctx context.Context, tx Tx, state invoice.State) (invoice.Command, error) {
		if update.ContactID != "" && update.ContactID != state.ContactID {
			if err := s.references.checkContact(ctx, tx, actor, state.OrganisationID, update.ContactID); err != nil {
				return nil, err
			}
		}
		return invoice.Update(update), nil
	})
}

// Issue makes a draft due.
func (s *InvoiceService) Issue(ctx context.Context, actor Actor, id string, opts ...Option) (Result, error) {
	return s.handler.do(ctx, newRequest(actor, "issue", id, nil, opts), invoice.Issue{At: s.handler.clock()})
}

// Approve is Issue by its former name.
func (s *InvoiceService) Approve(ctx context.Context, actor Actor, id string, opts ...Option) (Result, error) {
	return s.Issue(ctx, actor, id, opts...)
}

// Pay settles an issued invoice.
func (s *InvoiceService) Pay(ctx context.Context, actor Actor, id string, opts ...Option) (Result, error) {
	return s.handler.do(ctx, newRequest(actor, "pay", id, nil, opts), invoice.Pay{At: s.handler.clock()})
}

// Void takes back a draft or an issued invoice.
func (s *InvoiceService) Void(ctx context.Context, actor Actor, id string, opts ...Option) (Result, error) {
	return s.handler.do(ctx, newRequest(actor, "void", id, nil, opts), invoice.Void{})
}

// Delete removes an invoice in whatever status.
func (s *InvoiceService) Delete(ctx context.Context, actor Actor, id string, opts ...Option) (Result, error) {
	return s.handler.do(ctx, newRequest(actor, "delete", id, nil, opts), invoice.Delete{At: s.handler.clock()})
}

// Find reads it with its history.
func (s *InvoiceService) Find(ctx context.Context, actor Actor, id string) (Found[invoice.State], error) {
	return s.handler.find(ctx, actor, id, At{})
}

// FindAt reads it as it was at a point in its past, with its history up to there. Where there was no such aggregate yet, or there is no such
// version, it is ErrNotFound; rule.FieldErrors for a version below zero.
func (s *InvoiceService) FindAt(ctx context.Context, actor Actor, id string, at At) (Found[invoice.State], error) {
	return s.handler.find(ctx, actor, id, at)
}

// List reads a page of the tenant's. What the filter can't select is rule.FieldErrors with every fault of it; ids that the tenant does
// not have select nothing.
func (s *InvoiceService) List(ctx context.Context, actor Actor, filter ListFilter) (Page[invoice.State], error) {
	return s.handler.list(ctx, actor, filter)
}
