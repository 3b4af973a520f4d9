package domain

import (
	"context"

	"github.com/contrail-events/contrail/domain/organisation"
)

// OrganisationService runs the commands on organisations.
//
// Besides the rules of package organisation, every method returns ErrNotFound for an id that the tenant does not have,
// rule.FieldErrors for an actor without a tenant or a user, contrail.ErrConflict when the last attempt found one, the store's errors, and
// what its options are documented with. Ending ctx ends the transaction that is under way, and no other is begun.
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
func (s *OrganisationService) Create(ctx context.Context, actor Actor, name string, opts ...Option) (Result, error) {
	given := newRequest(actor, "create", "", name, opts)
	return s.handler.create(ctx, given, func(_ context.Context, _ Tx, id string) (organisation.Command, error) {
		return organisation.Create{ID: id, Name: name, Reference: given.options.reference}, nil
	})
}

// Rename gives it another name.
func (s *OrganisationService) Rename(ctx context.Context, actor Actor, id, name string, opts ...Option) (Result, error) {
	return s.handler.do(ctx, newRequest(actor, "rename", id, name, opts), organisation.Rename{Name: name})
}

// Delete ends it. Its contacts and invoices stay as they are; new ones are refused. It waits for those that are just being made.
func (s *OrganisationService) Delete(ctx context.Context, actor Actor, id string, opts ...Option) (Result, error) {
	return s.handler.do(ctx, newRequest(actor, "delete", id, nil, opts), organisation.Delete{At: s.handler.clock()})
}

// Find reads it with its history.
func (s *OrganisationService) Find(ctx context.Context, actor Actor, id string) (Found[organisation.State], error) {
	return s.handler.find(ctx, actor, id, At{})
}

// FindAt reads it as it was at a point in its past, with its history up to there. Where there was no such aggregate yet, or there is no such
// version, it is ErrNotFound; rule.FieldErrors for a version below zero.
func (s *OrganisationService) FindAt(ctx context.Context, actor Actor, id string, at At) (Found[organisation.State], error) {
	return s.handler.find(ctx, actor, id, at)
}

// List reads a page of the tenant's. What the filter can't select is rule.FieldErrors with every fault of it; ids that the tenant does
// not have select nothing.
func (s *OrganisationService) List(ctx context.Context, actor Actor, filter ListFilter) (Page[organisation.State], error) {
	return s.handler.list(ctx, actor, filter)
}
