package domain

import (
	"context"

	"github.com/contrail-events/contrail/domain/contact"
)

// ContactService runs the commands on contacts.
//
// Besides the rules of package contact, every method returns ErrNotFound for an id that the tenant does not have,
// rule.FieldErrors for an actor without a tenant or a user, contrail.ErrConflict when the last attempt found one, and the
// store's errors. Ending ctx ends the transaction that is under way, and no other is begun.
type ContactService struct {
	handler    handler[contact.State, contact.Command, contact.Event]
	references references
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
func (s *ContactService) Create(ctx context.Context, actor Actor, organisationID string, details contact.Details) (Result, error) {
	return s.handler.create(ctx, actor, func(ctx context.Context, store Store, id string) (contact.Command, error) {
		if err := s.references.checkOrganisation(ctx, store, actor, organisationID); err != nil {
			return nil, err
		}
		return contact.Create{ID: id, OrganisationID: organisationID, Details: details}, nil
	})
}

// Update replaces all its details.
func (s *ContactService) Update(ctx context.Context, actor Actor, id string, details contact.Details) (Result, error) {
	return s.handler.do(ctx, actor, id, contact.Update{Details: details})
}

// Delete ends it. Its invoices stay as they are; new ones are refused.
func (s *ContactService) Delete(ctx context.Context, actor Actor, id string) (Result, error) {
	return s.handler.do(ctx, actor, id, contact.Delete{At: s.handler.clock()})
}

// Find reads it with its history.
func (s *ContactService) Find(ctx context.Context, actor Actor, id string) (Found[contact.State], error) {
	return s.handler.find(ctx, actor, id)
}
