package domain

import (
	"context"

	"github.com/contrail-events/contrail/domain/organisation"
)

// OrganisationService runs the commands on organisations.
//
// Besides the rules of package organisation, every method returns ErrNotFound for an id that the tenant does not have,
// rule.FieldErrors for an actor without a tenant or a user, contrail.ErrConflict when the last attempt found one, and the
// store's errors. Ending ctx ends the transaction that is under way, and no other is begun.
type OrganisationService struct {
	handler handler[organisation.State, organisation.Command, organisation.Event]
}

// NewOrganisationService returns an error that names every argument and Config field that is wrong.
func NewOrganisationService(transactor Transactor, clock Clock, config Config) (*OrganisationService, error) {
	handler, err := newHandler(Organisations(), transactor, clock, config)
	if err != nil {
		return nil, err
	}
	return &OrganisationService{handler}, nil
}

// Create makes a new organisation of the actor's tenant.
func (s *OrganisationService) Create(ctx context.Context, actor Actor, name string) (Result, error) {
	return s.handler.create(ctx, actor, func(_ context.Context, _ Store, id string) (organisation.Command, error) {
		return organisation.Create{ID: id, Name: name}, nil
	})
}

// Rename gives it another name.
func (s *OrganisationService) Rename(ctx context.Context, actor Actor, id, name string) (Result, error) {
	return s.handler.do(ctx, actor, id, organisation.Rename{Name: name})
}

// Delete ends it. Its contacts and invoices stay as they are; new ones are refused.
func (s *OrganisationService) Delete(ctx context.Context, actor Actor, id string) (Result, error) {
	return s.handler.do(ctx, actor, id, organisation.Delete{At: s.handler.clock()})
}

// Find reads it with its history.
func (s *OrganisationService) Find(ctx context.Context, actor Actor, id string) (Found[organisation.State], error) {
	return s.handler.find(ctx, actor, id)
}
