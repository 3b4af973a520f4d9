package api

import (
	"context"
	"net/http"
	"time"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
)

// Contact is what is shown of one.
type Contact struct {
	ID             string    `json:"id"`
	OrganisationID string    `json:"organisation_id"`
	FirstName      string    `json:"first_name"`
	LastName       string    `json:"last_name"`
	Email          string    `json:"email"`
	Reference      string    `json:"reference,omitempty"`
	DeletedAt      time.Time `json:"deleted_at,omitzero" doc:"When it was deleted; none: it lives."`
	Version        int64     `json:"version"`
	Events         []Event   `json:"events,omitempty" doc:"Its history, where one is found; not in lists."`
}

func showContact(a domain.Aggregate[contact.State], events []Event) Contact {
	return Contact{
		ID: a.ID, OrganisationID: a.State.OrganisationID, FirstName: a.State.FirstName, LastName: a.State.LastName, Email: a.State.Email,
		Reference: a.State.Reference, DeletedAt: a.State.DeletedAt, Version: a.Version, Events: events,
	}
}

// CreateContactInput asks for a new one.
type CreateContactInput struct {
	Caller
	Keyed

	Body CreateContact
}

// CreateContact is what a new one is like.
type CreateContact struct {
	OrganisationID string `json:"organisation_id" doc:"One of the tenant's, which lives."`
	FirstName      string `json:"first_name" doc:"1 to 200 characters." example:"Ada"`
	LastName       string `json:"last_name" doc:"1 to 200 characters." example:"Byron"`
	Email          string `json:"email" doc:"At most 254 bytes." example:"ada@example.org"`
	Reference      string `json:"reference,omitempty" doc:"The client's own name for it, 1 to 200 characters, which no other contact of the tenant has or had."`
}

// UpdateContactInput asks for other details.
type UpdateContactInput struct {
	Caller
	Identified
	Conditional

	Body UpdateContact
}

// UpdateContact is what it is to be like, all of it.
type UpdateContact struct {
	OrganisationID string `json:"organisation_id,omitempty" doc:"The one that it has: it can't be changed."`
	FirstName      string `json:"first_name" doc:"1 to 200 characters."`
	LastName       string `json:"last_name" doc:"1 to 200 characters."`
	Email          string `json:"email" doc:"At most 254 bytes."`
}

func (a *API) addContacts() {
	service := a.config.Services.Contacts
	r := resource[contact.State, Contact]{contact.Category, tagContact, service, showContact}
	create := r.op("create", http.MethodPost, "", "Create one, of an organisation")
	create.DefaultStatus = http.StatusCreated
	handle(a, create, func(ctx context.Context, in *CreateContactInput) (*Commanded, error) {
		details := contact.Details{FirstName: in.Body.FirstName, LastName: in.Body.LastName, Email: in.Body.Email}
		options := append(in.options(), domain.WithReference(in.Body.Reference))
		result, err := service.Create(ctx, in.actor(ctx), in.Body.OrganisationID, details, options...)
		return created(contact.Category, result, err)
	})
	handle(a, r.op("update", http.MethodPut, "/{id}", "Replace the details of one"), func(ctx context.Context, in *UpdateContactInput) (*Commanded, error) {
		options, err := in.options()
		if err != nil {
			return nil, err
		}
		if err := a.checkContactsOrganisation(ctx, in); err != nil {
			return nil, err
		}
		details := contact.Details{FirstName: in.Body.FirstName, LastName: in.Body.LastName, Email: in.Body.Email}
		return commanded(service.Update(ctx, in.actor(ctx), in.ID, details, options...))
	})
	handle(a, r.op("delete", http.MethodDelete, "/{id}", "Delete one; its invoices stay"), simple(service.Delete))
	addReads(a, r)
	addList(a, r, func(in *ContactsInput) (Caller, domain.ListFilter) { return in.Caller, in.filter() })
}

// checkContactsOrganisation refuses another organisation. The one that a contact has never changes, so it may be looked at beforehand.
func (a *API) checkContactsOrganisation(ctx context.Context, in *UpdateContactInput) error {
	if in.Body.OrganisationID == "" {
		return nil
	}
	found, err := a.config.Services.Contacts.Find(ctx, in.actor(ctx), in.ID)
	if err != nil {
		return err
	}
	return sameOrganisation(found.State.OrganisationID, in.Body.OrganisationID)
}
