package invoicing

import (
	"context"
	"errors"
	"fmt"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/domain/rule"
)

// Local is the service in this process: the domain's own, for one actor. It holds no state.
type Local struct {
	services Services
	actor    domain.Actor
}

// NewLocal returns what posts for an actor.
func NewLocal(services Services, actor domain.Actor) *Local { return &Local{services, actor} }

// Create makes what is posted.
func (l *Local) Create(ctx context.Context, posting Posting) (Made, error) {
	var result domain.Result
	var err error
	reference := domain.WithReference(posting.Ref())
	switch posting := posting.(type) {
	case PostOrganisation:
		result, err = l.services.Organisations.Create(ctx, l.actor, posting.Name, reference)
	case PostContact:
		result, err = l.services.Contacts.Create(ctx, l.actor, posting.OrganisationID, posting.Details, reference)
	case PostInvoice:
		result, err = l.services.Invoices.Draft(ctx, l.actor, domain.DraftInvoice{
			OrganisationID: posting.OrganisationID, ContactID: posting.ContactID, CurrencyCode: posting.CurrencyCode,
			DueDate: posting.DueDate, DraftedOn: posting.DraftedOn, LineItems: posting.LineItems,
		}, reference)
	default:
		return Made{}, fmt.Errorf("no posting: %T", posting)
	}
	return Made{ID: result.ID, Repeated: result.Repeated}, localError(err)
}

// Find looks into the register.
func (l *Local) Find(ctx context.Context, kind, reference string) (Found, error) {
	filter := domain.ListFilter{Reference: reference, Limit: 1}
	switch kind {
	case organisation.Category:
		page, err := l.services.Organisations.List(ctx, l.actor, filter)
		return foundOne(page, err, foundOrganisation)
	case contact.Category:
		page, err := l.services.Contacts.List(ctx, l.actor, filter)
		return foundOne(page, err, foundContact)
	}
	page, err := l.services.Invoices.List(ctx, l.actor, filter)
	return foundOne(page, err, foundInvoice)
}

// First reads the first event.
func (l *Local) First(ctx context.Context, kind, id string) (Found, error) {
	at := domain.At{Version: 1}
	switch kind {
	case organisation.Category:
		found, err := l.services.Organisations.FindAt(ctx, l.actor, id, at)
		return foundOrganisation(found.State), localError(err)
	case contact.Category:
		found, err := l.services.Contacts.FindAt(ctx, l.actor, id, at)
		return foundContact(found.State), localError(err)
	}
	found, err := l.services.Invoices.FindAt(ctx, l.actor, id, at)
	return foundInvoice(found.State), localError(err)
}

// foundOne is the only one of a page.
func foundOne[S any](page domain.Page[S], err error, found func(S) Found) (Found, error) {
	if err != nil {
		return Found{}, localError(err)
	}
	if len(page.Items) == 0 {
		return Found{}, domain.ErrNotFound
	}
	return found(page.Items[0].State), nil
}

func foundOrganisation(s organisation.State) Found {
	return Found{ID: s.ID, Deleted: !s.DeletedAt.IsZero(), Posting: PostOrganisation{Reference: s.Reference, Name: s.Name}}
}

func foundContact(s contact.State) Found {
	return Found{
		ID: s.ID, Deleted: !s.DeletedAt.IsZero(),
		Posting: PostContact{Reference: s.Reference, OrganisationID: s.OrganisationID, Details: s.Details},
	}
}

func foundInvoice(s invoice.State) Found {
	return Found{ID: s.ID, Deleted: !s.DeletedAt.IsZero(), Posting: PostInvoice{
		Reference: s.Reference, OrganisationID: s.OrganisationID, ContactID: s.ContactID, CurrencyCode: s.CurrencyCode,
		DueDate: s.DueDate, DraftedOn: s.DraftedOn, LineItems: s.LineItems,
	}}
}

// localError is what a [Service] says of an error of the domain's or of the database.
func localError(err error) error {
	switch {
	case err == nil || errors.Is(err, context.Canceled) || errors.Is(err, domain.ErrReferenceTaken) || errors.Is(err, domain.ErrNotFound):
		return err
	case errors.Is(err, rule.ErrInvalid) || errors.Is(err, rule.ErrRefused):
		return ruleFault("", err)
	case errors.Is(err, contrail.ErrConflict) || Unavailable(err):
		return &UnavailableError{Err: err}
	}
	return err
}
