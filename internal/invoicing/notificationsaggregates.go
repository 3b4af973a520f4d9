package invoicing

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/eventstore"
)

// errUnknown says that there is no such aggregate, or that it is another tenant's.
var errUnknown = errors.New("there is no such aggregate of this tenant")

// aggregates reads what mails are about, as its stream tells it at the moment.
type aggregates struct {
	store         *eventstore.Store
	invoices      domain.Decider[invoice.State, invoice.Command, invoice.Event]
	contacts      domain.Decider[contact.State, contact.Command, contact.Event]
	organisations domain.Decider[organisation.State, organisation.Command, organisation.Event]
}

func newAggregates(store *eventstore.Store) aggregates {
	return aggregates{store, domain.Invoices(), domain.Contacts(), domain.Organisations()}
}

// tenantsID is one tenant's aggregate.
type tenantsID struct{ tenant, id string }

// issuedInvoice is an invoice with the event that issued it.
type issuedInvoice struct {
	domain.Aggregate[invoice.State]

	issue contrail.Recorded // its Version is 0 for a draft
}

// invoice reads an invoice. The errors are errUnknown, what can't be decoded, marked as permanent, codec.ErrSealed, and the database's.
func (a aggregates) invoice(ctx context.Context, db eventstore.Querier, which tenantsID) (found issuedInvoice, err error) {
	var events []contrail.Recorded
	found.Aggregate, events, err = readStream(ctx, db, a.store, a.invoices, which)
	issued := invoice.Issued{}.EventType()
	if at := slices.IndexFunc(events, func(event contrail.Recorded) bool { return event.Type == issued }); at >= 0 {
		found.issue = events[at]
	}
	return found, err
}

// contact reads a contact, and tells whether a person has been forgotten.
func (a aggregates) contact(ctx context.Context, db eventstore.Querier, which tenantsID) (state contact.State, erased bool, err error) {
	found, events, err := readStream(ctx, db, a.store, a.contacts, which)
	return found.State, slices.ContainsFunc(events, func(event contrail.Recorded) bool { return event.Erased }), err
}

// organisation reads an organisation's name, or its id where that is not known.
func (a aggregates) organisation(ctx context.Context, db eventstore.Querier, which tenantsID) (string, error) {
	found, _, err := readStream(ctx, db, a.store, a.organisations, which)
	if errors.Is(err, errUnknown) || err == nil && found.State.Name == "" {
		return which.id, nil
	}
	return found.State.Name, err
}

// readStream folds one stream, which it walks by its unique index.
func readStream[S, C any, E contrail.Payload](
	ctx context.Context, db eventstore.Querier, store *eventstore.Store, decider domain.Decider[S, C, E], which tenantsID,
) (aggregate domain.Aggregate[S], events []contrail.Recorded, err error) {
	stream := decider.Stream(which.id)
	if stream.Validate() != nil { // somebody has inserted a reference by hand
		return aggregate, nil, errUnknown
	}
	for event, err := range store.Load(ctx, db, stream, 1) {
		if err != nil {
			return aggregate, nil, err
		}
		if event.Metadata[contrail.KeyTenantID] != which.tenant {
			return aggregate, nil, errUnknown
		}
		if aggregate, err = decider.Apply(aggregate, event); errors.Is(err, codec.ErrSealed) {
			return aggregate, nil, fmt.Errorf("read %s: %w", stream, err) // once somebody has given the keys it can be read
		} else if err != nil {
			return aggregate, nil, contrail.Permanent(fmt.Errorf("read %s: %w", stream, err))
		}
		events = append(events, event)
	}
	if len(events) == 0 {
		return aggregate, nil, errUnknown
	}
	return aggregate, events, nil
}
