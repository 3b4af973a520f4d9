package domain

import (
	"context"
	"errors"
	"fmt"

	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/organisation"
)

// references looks up what a command refers to, and holds it until the transaction ends.
type references struct {
	organisations Decider[organisation.State, organisation.Command, organisation.Event]
	contacts      Decider[contact.State, contact.Command, contact.Event]
}

func newReferences() references { return references{Organisations(), Contacts()} }

// checkOrganisation returns nil when the tenant has the organisation and it lives.
func (r references) checkOrganisation(ctx context.Context, tx Tx, actor Actor, id string) error {
	entry := r.organisationRef(id)
	held, err := r.hold(ctx, tx, actor, entry)
	if err != nil {
		return err
	}
	return checkLive(held, entry, organisation.ErrDeleted)
}

// checkContact returns nil when the tenant's organisation has the contact and it lives. A contact of another organisation is not found.
func (r references) checkContact(ctx context.Context, tx Tx, actor Actor, organisationID, id string) error {
	held, err := r.hold(ctx, tx, actor, r.contactRef(id))
	if err != nil {
		return err
	}
	return r.checkContactOf(held, organisationID, id)
}

// checkBoth is checkOrganisation and checkContact at once.
func (r references) checkBoth(ctx context.Context, tx Tx, actor Actor, organisationID, contactID string) error {
	held, err := r.hold(ctx, tx, actor, r.organisationRef(organisationID), r.contactRef(contactID))
	if err != nil {
		return err
	}
	if err := checkLive(held, r.organisationRef(organisationID), organisation.ErrDeleted); err != nil {
		return err
	}
	return r.checkContactOf(held, organisationID, contactID)
}

func (r references) checkContactOf(held map[Ref]Entry, organisationID, id string) error {
	if entry, found := held[r.contactRef(id)]; found && entry.OrganisationID != organisationID {
		return notFound(r.contacts.Category, id, At{})
	}
	return checkLive(held, r.contactRef(id), contact.ErrDeleted)
}

func checkLive(held map[Ref]Entry, ref Ref, deleted error) error {
	entry, found := held[ref]
	switch {
	case !found:
		return notFound(ref.Kind, ref.ID, At{})
	case entry.Status == StatusDeleted:
		return fmt.Errorf("%s-%s: %w", ref.Kind, ref.ID, deleted)
	}
	return nil
}

func (r references) organisationRef(id string) Ref {
	return Ref{Kind: r.organisations.Category, ID: id}
}

func (r references) contactRef(id string) Ref { return Ref{Kind: r.contacts.Category, ID: id} }

// hold returns the entries of those that the tenant has.
func (r references) hold(ctx context.Context, tx Tx, actor Actor, refs ...Ref) (map[Ref]Entry, error) {
	var wanted []Ref
	for _, ref := range refs {
		if isCanonical(ref.ID) { // as in find
			wanted = append(wanted, ref)
		}
	}
	held := make(map[Ref]Entry, len(wanted))
	if len(wanted) == 0 {
		return held, nil
	}
	entries, err := tx.Hold(ctx, actor.TenantID, wanted...)
	if err != nil {
		return nil, fmt.Errorf("hold what is referred to: %w", err)
	}
	for _, entry := range entries {
		held[entry.Ref] = entry
	}
	for _, ref := range wanted {
		if _, found := held[ref]; found {
			continue
		}
		if err := r.behind(ctx, tx, actor, ref); !errors.Is(err, ErrNotFound) {
			return nil, err
		}
	}
	return held, nil
}

// behind tells why an entry was not held: the tenant has no such aggregate, or the entry is to be healed.
func (r references) behind(ctx context.Context, tx Tx, actor Actor, ref Ref) error {
	if ref.Kind == r.contacts.Category {
		return behind(ctx, tx, actor, r.contacts, ref)
	}
	return behind(ctx, tx, actor, r.organisations, ref)
}
