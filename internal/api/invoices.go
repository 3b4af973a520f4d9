package api

import (
	"context"
	"net/http"
	"time"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/rule"
)

// Invoice is what is shown of one.
type Invoice struct {
	ID             string         `json:"id"`
	OrganisationID string         `json:"organisation_id"`
	ContactID      string         `json:"contact_id"`
	Status         invoice.Status `json:"status" example:"issued"`
	CurrencyCode   string         `json:"currency_code" example:"EUR"`
	DueDate        invoice.Date   `json:"due_date" format:"date"`
	LineItems      []Line         `json:"line_items"`
	SubTotal       Amount         `json:"sub_total" doc:"The sum of unit amount × quantity."`
	Reference      string         `json:"reference,omitempty"`
	DraftedOn      invoice.Date   `json:"drafted_on,omitzero" format:"date" doc:"In UTC."`
	IssuedAt       time.Time      `json:"issued_at,omitzero"`
	PaidAt         time.Time      `json:"paid_at,omitzero"`
	DeletedAt      time.Time      `json:"deleted_at,omitzero" doc:"When it was deleted; none: it lives."`
	Version        int64          `json:"version"`
	Events         []Event        `json:"events,omitempty" doc:"Its history, where one is found; not in lists."`
}

func showInvoice(a domain.Aggregate[invoice.State], events []Event) Invoice {
	state := a.State
	lines := make([]Line, len(state.LineItems))
	for i, item := range state.LineItems {
		lines[i] = Line{item.Description, showAmount(item.UnitAmount), Quantity(item.Quantity)}
	}
	return Invoice{
		ID: a.ID, OrganisationID: state.OrganisationID, ContactID: state.ContactID, Status: state.Status, CurrencyCode: state.CurrencyCode,
		DueDate: state.DueDate, LineItems: lines, SubTotal: showAmount(state.SubTotal), Reference: state.Reference, DraftedOn: state.DraftedOn,
		IssuedAt: state.IssuedAt, PaidAt: state.PaidAt, DeletedAt: state.DeletedAt, Version: a.Version, Events: events,
	}
}

func (a *API) addInvoices() {
	service := a.config.Services.Invoices
	r := resource[invoice.State, Invoice]{invoice.Category, tagInvoice, service, showInvoice}
	draft := r.op("draft", http.MethodPost, "", "Draft one")
	draft.DefaultStatus = http.StatusCreated
	handle(a, draft, func(ctx context.Context, in *DraftInput) (*Commanded, error) {
		command, err := in.Body.command(a.config.Clock())
		if err != nil {
			return nil, err
		}
		result, err := service.Draft(ctx, in.actor(ctx), command, append(in.options(), domain.WithReference(in.Body.Reference))...)
		return created(invoice.Category, result, err)
	})
	handle(a, r.op("update", http.MethodPut, "/{id}", "Replace the due date and all the lines of a draft"), a.updateInvoice)
	for _, one := range []struct {
		verb, summary string
		do            func(ctx context.Context, actor domain.Actor, id string, options ...domain.Option) (domain.Result, error)
	}{
		{"issue", "Issue a draft: it is to be paid", service.Issue},
		{"approve", "Issue a draft, by its former name", service.Approve},
		{"paid", "Say that an issued one was paid", service.Pay},
		{"pay", "Say that an issued one was paid, by another name", service.Pay},
		{"void", "Take back a draft or an issued one", service.Void},
	} {
		handle(a, r.op(one.verb, http.MethodPatch, "/{id}/"+one.verb, one.summary), simple(one.do))
	}
	handle(a, r.op("delete", http.MethodDelete, "/{id}", "Delete one, in whatever status"), simple(service.Delete))
	addReads(a, r)
	addList(a, r, func(in *InvoicesInput) (Caller, domain.ListFilter) { return in.Caller, in.filter() })
}

func (a *API) updateInvoice(ctx context.Context, in *UpdateInvoiceInput) (*Commanded, error) {
	service := a.config.Services.Invoices
	options, err := in.options()
	if err != nil {
		return nil, err
	}
	command, err := in.Body.command()
	if err != nil {
		return nil, err
	}
	if in.Body.OrganisationID != "" {
		found, err := service.Find(ctx, in.actor(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		if err := sameOrganisation(found.State.OrganisationID, in.Body.OrganisationID); err != nil {
			return nil, err
		}
	}
	return commanded(service.Update(ctx, in.actor(ctx), in.ID, command, options...))
}

// sameOrganisation refuses another organisation than the one that an aggregate has for good.
func sameOrganisation(has, given string) error {
	if has == given {
		return nil
	}
	return rule.Check(rule.At("organisation_id", ErrOrganisationFixed))
}

// ErrOrganisationFixed says that an update names another organisation.
var ErrOrganisationFixed = rule.Invalid("can't be changed: leave it out, or give the one that it has")
