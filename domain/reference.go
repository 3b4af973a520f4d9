package domain

import (
	"context"
	"fmt"
)

// checkOrganisation returns nil when the tenant has the organisation and it lives.
func checkOrganisation(ctx context.Context, store Store, actor Actor, id string) error {
	found, err := Organisations().find(ctx, store, actor, id)
	if err != nil {
		return err
	}
	if err := found.State.CheckLive(); err != nil {
		return fmt.Errorf("%s: %w", Organisations().Stream(id), err)
	}
	return nil
}

// checkContact returns nil when the organisation has the contact and it lives. A contact of another organisation is not found.
func checkContact(ctx context.Context, store Store, actor Actor, organisationID, id string) error {
	found, err := Contacts().find(ctx, store, actor, id)
	if err != nil {
		return err
	}
	if found.State.OrganisationID != organisationID {
		return notFound(Contacts().Category, id)
	}
	if err := found.State.CheckLive(); err != nil {
		return fmt.Errorf("%s: %w", Contacts().Stream(id), err)
	}
	return nil
}
