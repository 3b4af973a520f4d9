package api

import (
	"context"
	"net/http"
	"time"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/organisation"
)

// Organisation is what is shown of one.
type Organisation struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Reference string    `json:"reference,omitempty"`
	DeletedAt time.Time `json:"deleted_at,omitzero" doc:"When it was deleted; none: it lives."`
	Version   int64     `json:"version"`
	Events    []Event   `json:"events,omitempty" doc:"Its history, where one is found; not in lists."`
}

func showOrganisation(a domain.Aggregate[organisation.State], events []Event) Organisation {
	return Organisation{a.ID, a.State.Name, a.State.Reference, a.State.DeletedAt, a.Version, events}
}

// CreateOrganisationInput asks for a new one.
type CreateOrganisationInput struct {
	Caller
	Keyed

	Body CreateOrganisation
}

// CreateOrganisation is what a new one is like.
type CreateOrganisation struct {
	Name      string `json:"name" doc:"1 to 200 characters." example:"Acme"`
	Reference string `json:"reference,omitempty" doc:"The client's own name for it, 1 to 200 characters, which no other organisation of the tenant has or had."`
}

// UpdateOrganisationInput asks for another name.
type UpdateOrganisationInput struct {
	Caller
	Identified
	Conditional

	Body UpdateOrganisation
}

// UpdateOrganisation is what it is to be like.
type UpdateOrganisation struct {
	Name string `json:"name" doc:"1 to 200 characters." example:"Apex"`
}

func (a *API) addOrganisations() {
	service := a.config.Services.Organisations
	r := resource[organisation.State, Organisation]{organisation.Category, tagOrganisation, service, showOrganisation}
	create := r.op("create", http.MethodPost, "", "Create one")
	create.DefaultStatus = http.StatusCreated
	handle(a, create, func(ctx context.Context, in *CreateOrganisationInput) (*Commanded, error) {
		result, err := service.Create(ctx, in.actor(ctx), in.Body.Name, append(in.options(), domain.WithReference(in.Body.Reference))...)
		return created(organisation.Category, result, err)
	})
	handle(a, r.op("update", http.MethodPut, "/{id}", "Rename one"), func(ctx context.Context, in *UpdateOrganisationInput) (*Commanded, error) {
		options, err := in.options()
		if err != nil {
			return nil, err
		}
		return commanded(service.Rename(ctx, in.actor(ctx), in.ID, in.Body.Name, options...))
	})
	handle(a, r.op("delete", http.MethodDelete, "/{id}", "Delete one; its contacts and invoices stay"), simple(service.Delete))
	addReads(a, r)
	addList(a, r, func(in *OrganisationsInput) (Caller, domain.ListFilter) { return in.Caller, in.filter() })
}
