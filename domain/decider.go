package domain

import (
	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/organisation"
)

// Decider is the three pure functions of an aggregate and the category of its streams: S its state, C its commands, E its events.
type Decider[S, C any, E contrail.Payload] struct {
	Category string
	Decide   func(S, C) ([]E, error)
	Evolve   func(S, E) S
	Decode   func(contrail.Recorded) (E, error)
}

// Aggregate is one aggregate as its events have made it.
type Aggregate[S any] struct {
	ID       string `json:"id"`
	TenantID string `json:"tenant_id"` // from the events' metadata
	Version  int64  `json:"version"`   // of its stream; 0: there is none
	State    S      `json:"state"`
}

// Organisations is the decider of package organisation.
func Organisations() Decider[organisation.State, organisation.Command, organisation.Event] {
	return Decider[organisation.State, organisation.Command, organisation.Event]{
		organisation.Category, organisation.Decide, organisation.Evolve, organisation.Decode,
	}
}

// Contacts is the decider of package contact.
func Contacts() Decider[contact.State, contact.Command, contact.Event] {
	return Decider[contact.State, contact.Command, contact.Event]{contact.Category, contact.Decide, contact.Evolve, contact.Decode}
}

// Invoices is the decider of package invoice.
func Invoices() Decider[invoice.State, invoice.Command, invoice.Event] {
	return Decider[invoice.State, invoice.Command, invoice.Event]{invoice.Category, invoice.Decide, invoice.Evolve, invoice.Decode}
}

// Stream is the stream of one aggregate, such as invoice-0192….
func (d Decider[S, C, E]) Stream(id string) contrail.StreamID {
	return contrail.NewStreamID(d.Category, id)
}

// Apply returns the aggregate after a recorded event. It can start from any aggregate, so also from a snapshot. Errors are
// Decode's.
func (d Decider[S, C, E]) Apply(aggregate Aggregate[S], recorded contrail.Recorded) (Aggregate[S], error) {
	event, err := d.Decode(recorded)
	if err != nil {
		return aggregate, err
	}
	return Aggregate[S]{
		ID:       recorded.Stream.ID(),
		TenantID: recorded.Metadata[contrail.KeyTenantID],
		Version:  recorded.Version,
		State:    d.Evolve(aggregate.State, event),
	}, nil
}
