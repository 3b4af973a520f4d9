package domain

import (
	"context"

	"github.com/contrail-events/contrail/domain/contact"
)

// ContactService runs the commands on contacts.
//
// Besides the rules of package contact, every method returns ErrNotFound for an id that the tenant does not have,
// rule.FieldErrors for an actor without a tenant or a user, contrail.ErrConflict when the last attempt found one, the store's errors, and
// what its options are documented with. Ending ctx ends the transaction that is under way, and no other is begun.
type ContactService struct {
	handler    handler[contact.State, contact.Command, contact.Event]
	references references
}

// createContact is what the fingerprint of Create is made of.
type createContact struct {
	OrganisationID string          `json:"organisation_id"`
	Details        contact.Details `json:"details"`
}

// NewContactService returns an error that names every argument and Config field that is wrong.
func NewContactService(transactor Transactor, clock Clock, config Config) (*ContactService, error) {
	handler, err := newHandler(Contacts(), transactor, clock, config)
	if err != nil {
		return nil, err
	}
	return &ContactService{handler, newReferences()}, nil
}

// Create makes a new contact of one of the tenant's organisations, which must live: ErrNotFound or organisation.ErrDeleted.
func (s *ContactService) Create(
	ctx context.Context, actor Actor, organisationID string, details contact.Details, opts ...Option,
) (Result, error) {
	given := newRequest(actor, "create", "", createContact{organisationID, details}, opts)
	return s.handler.create(ctx, given, func(ctx context.Context, tx Tx, id string) (contact.Command, error) {
		if err := s.references.checkOrganisation(ctx, tx, actor, organisationID); err != nil {
			return nil, err
		}
		return contact.Create{ID: id, OrganisationID: organisationID, Details: details, Reference: given.options.reference}, nil
	})
}

// Update replaces all its details.
func (s *ContactService) Update(ctx context.Context, actor Actor, id string, details contact.Details, opts ...Option) (Result, error) {
	return s.handler.do(ctx, newRequest(actor, "update", id, details, opts), contact.Update{Details: details})
}

// Delete ends it. Its invoices stay as they are; new ones are refused. It waits for those that are just being drafted.
func (s *ContactService) Delete(ctx context.Context, actor Actor, id string, opts ...Option) (Result, error) {
	return s.handler.do(ctx, newRequest(actor, "delete", id, nil, opts), contact.Delete{At: s.handler.clock()})
}

// Find reads it with its history.
func (s *ContactService) Find(ctx context.Context, actor Actor, id string) (Found[contact.State], error) {
	return s.handler.find(ctx, actor, id, At{})
}

// FindAt reads it as it was at a point in its past, with its history up to there. Where there was no such aggregate yet, or there is no such
// version, it is ErrNotFound; rule.FieldErrors for a version below zero.
func (s *ContactService) FindAt(ctx context.Context, actor Actor, id string, at At) (Found[contact.State], error) {
	return s.handler.find(ctx, actor, id, at)
}

// List reads a page of the tenant's. What the filter can't select is rule.FieldErrors with every fault of it; ids that the tenant does
// not have select nothing.
func (s *ContactService) List(ctx context.Context, actor Actor, filter ListFilter) (Page[contact.State], error) {
	return s.handler.list(ctx, actor, filter)
}
