package invoicing

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/domain/rule"
)

// directory sees to it that what is posted is there, once, and knows the ids of the organisations and contacts that it has seen to: some 150 bytes
// for each. It is used by several goroutines at once.
type directory struct {
	service  Service
	dryRun   bool
	patience time.Duration
	clock    domain.Clock

	flights      singleflight.Group // those who want the same at once wait for the first of them
	expectBefore atomic.Bool        // the invoice that was placed last was there before

	mu      sync.Mutex
	known   map[digest]placed
	created map[string]Created // by kind
}

// placed is where something is.
type placed struct {
	id      string // "": nowhere, which is so in a dry run alone
	isNew   bool
	deleted bool
}

func newDirectory(service Service, config ImportConfig) *directory {
	return &directory{
		service: service, dryRun: config.DryRun, patience: config.Patience, clock: config.Clock,
		known: map[digest]placed{}, created: map[string]Created{},
	}
}

// organisation places that of an invoice.
func (d *directory) organisation(ctx context.Context, read Invoice) (placed, error) {
	return d.once(ctx, PostOrganisation{Reference: read.Organisation.Reference, Name: read.Organisation.Name})
}

// contact places that of an invoice, and its organisation before.
func (d *directory) contact(ctx context.Context, read Invoice) (whom, whose placed, err error) {
	whose, err = d.organisation(ctx, read)
	if err != nil {
		return placed{}, placed{}, err
	}
	whom, err = d.once(ctx, PostContact{Reference: read.contactReference(), OrganisationID: whose.id, Details: read.Contact.Details})
	return whom, whose, err
}

// invoice places an invoice, and its organisation and contact before.
func (d *directory) invoice(ctx context.Context, read Invoice) (placed, error) {
	whom, whose, err := d.contact(ctx, read)
	if err != nil {
		return placed{}, err
	}
	found, err := d.place(ctx, PostInvoice{
		Reference: read.Reference, OrganisationID: whose.id, ContactID: whom.id,
		CurrencyCode: read.CurrencyCode, DueDate: read.DueDate, DraftedOn: read.draftedOn(d.clock()), LineItems: read.LineItems,
	}, d.expectBefore.Load())
	switch {
	case err != nil:
		return placed{}, err
	case d.dryRun && found.isNew && whose.deleted:
		return placed{}, &LineError{Field: "organisation", Reason: "is not to be used: " + organisation.ErrDeleted.Error()}
	case d.dryRun && found.isNew && whom.deleted:
		return placed{}, &LineError{Field: "contact", Reason: "is not to be used: " + contact.ErrDeleted.Error()}
	}
	d.expectBefore.Store(!found.isNew)
	return found, nil
}

// once places what several invoices may want.
func (d *directory) once(ctx context.Context, wanted Posting) (placed, error) {
	key := digestOf(wanted.Kind(), wanted.Ref())
	d.mu.Lock()
	found, known := d.known[key]
	d.mu.Unlock()
	if known {
		return found, nil
	}
	result, err, _ := d.flights.Do(string(key[:]), func() (any, error) {
		placed, err := d.place(ctx, wanted, false)
		if err == nil {
			d.keep(key, wanted.Kind(), placed)
		}
		return placed, err
	})
	if err != nil {
		return placed{}, within(wanted.Kind(), err)
	}
	return result.(placed), nil //nolint:errcheck,forcetypeassert // it was made just above
}

// keep remembers what was placed, and counts it unless another goroutine has, between the look and the flight.
func (d *directory) keep(key digest, kind string, found placed) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.known[key]; known {
		return
	}
	d.known[key] = placed{id: found.id, deleted: found.deleted} // whoever asks again is not the one for whom it was made
	count := d.created[kind]
	if found.isNew {
		count.New++
	} else {
		count.Before++
	}
	d.created[kind] = count
}

// counts returns how many of a kind were placed by once.
func (d *directory) counts(kind string) Created {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.created[kind]
}

// place makes what is wanted unless it is there. To look first costs less where it is likely to be there.
func (d *directory) place(ctx context.Context, wanted Posting, lookFirst bool) (found placed, err error) {
	posted := false // by an attempt whose outcome is not known: what is there now, it has made, in all likelihood
	err = patiently(ctx, d.patience, func() (err error) {
		if lookFirst || d.dryRun {
			found, err = d.look(ctx, wanted)
			if !errors.Is(err, domain.ErrNotFound) {
				found.isNew = posted
				return err
			}
			if d.dryRun {
				found = placed{isNew: true}
				return nil
			}
		}
		found, err = d.create(ctx, wanted)
		found.isNew = found.isNew || posted
		posted = true
		return err
	})
	return found, err
}

// create makes what is wanted, or finds it: whatever a posting is refused for, it need not be posted when it is there.
func (d *directory) create(ctx context.Context, wanted Posting) (placed, error) {
	made, err := d.service.Create(ctx, wanted)
	if isRefusal(err) {
		found, missing := d.look(ctx, wanted)
		if !errors.Is(missing, domain.ErrNotFound) {
			return found, missing
		}
	}
	if err != nil {
		return placed{}, err
	}
	if _, err := uuid.Parse(made.ID); err != nil {
		return placed{}, fmt.Errorf("the service calls the new %s %q: %w", wanted.Kind(), cut(made.ID), err)
	}
	return placed{id: made.ID, isNew: !made.Repeated}, nil
}

// isRefusal tells whether an error is about what was posted.
func isRefusal(err error) bool {
	_, fault := errors.AsType[*LineError](err)
	return fault || errors.Is(err, rule.ErrInvalid) || errors.Is(err, rule.ErrRefused) || errors.Is(err, rule.ErrNotFound)
}

// look finds what is there, and compares it. What was changed since it was made is there all the same.
func (d *directory) look(ctx context.Context, wanted Posting) (placed, error) {
	found, err := d.service.Find(ctx, wanted.Kind(), wanted.Ref())
	if err != nil {
		return placed{}, err
	}
	if differs := difference(wanted, found.Posting); differs != nil {
		first, err := d.service.First(ctx, wanted.Kind(), found.ID)
		if err != nil {
			return placed{}, err
		}
		if difference(wanted, first.Posting) != nil {
			return placed{}, differs
		}
	}
	return placed{id: found.ID, deleted: found.Deleted}, nil
}
