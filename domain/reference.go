package domain

import (
	"context"
	"fmt"

	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/organisation"
)

// references looks up what a command refers to.
type references struct {
	organisations Decider[organisation.State, organisation.Command, organisation.Event]
	contacts      Decider[contact.State, contact.Command, contact.Event]
}

func newReferences() references { return references{Organisations(), Contacts()} }

// checkOrganisation returns nil when the tenant has the organisation and it lives.
func (r references) checkOrganisation(ctx context.Context, store Store, actor Actor, id string) error {
	found, err := r.organisations.find(ctx, store, actor, id)
	if err != nil {
		return err
	}
	if err := found.State.CheckLive(); err != nil {
		return fmt.Errorf("%s: %w", r.organisations.Stream(id), err)
	}
	return nil
}

// checkContact returns nil when the organisation has the contact and it lives. A contact of another organisation is not found.
func (r references) checkContact(ctx context.Context, store Store, actor Actor, organisationID, id string) error {
	found, err := r.contacts.find(ctx, store, actor, id)
	if err != nil {
		return err
	}
	if found.State.OrganisationID != organisationID {
		return notFound(r.contacts.Category, id)
	}
	if err := found.State.CheckLive(); err != nil {
		return fmt.Errorf("%s: %w", r.contacts.Stream(id), err)
	}
	return nil
}
