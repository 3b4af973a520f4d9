package domain

import (
	"slices"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/organisation"
)

// Decider is the two pure functions of an aggregate, the category of its streams and the codec of its events: S its state, C its commands, E
// its events. Make it once and keep it, since it is made with its codec.
type Decider[S, C any, E contrail.Payload] struct {
	Category string
	Decide   func(S, C) ([]E, error)
	Evolve   func(S, E) S
	Codec    *codec.Codec // reads and writes E, and may know other types

	entry func(Aggregate[S]) Entry // what the register says of an aggregate
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
		organisation.Category, organisation.Decide, organisation.Evolve, codec.MustNew(organisation.Events()...), organisationEntry,
	}
}

// Contacts is the decider of package contact.
func Contacts() Decider[contact.State, contact.Command, contact.Event] {
	return Decider[contact.State, contact.Command, contact.Event]{
		contact.Category, contact.Decide, contact.Evolve, codec.MustNew(contact.Events()...), contactEntry,
	}
}

// Invoices is the decider of package invoice.
func Invoices() Decider[invoice.State, invoice.Command, invoice.Event] {
	return Decider[invoice.State, invoice.Command, invoice.Event]{
		invoice.Category, invoice.Decide, invoice.Evolve, codec.MustNew(invoice.Events()...), invoiceEntry,
	}
}

// Codec is one codec for the events of all three, as a reader of everything wants it.
func Codec() *codec.Codec {
	return codec.MustNew(slices.Concat(organisation.Events(), contact.Events(), invoice.Events())...)
}

// Stream is the stream of one aggregate, such as invoice-0192….
func (d Decider[S, C, E]) Stream(id string) contrail.StreamID {
	return contrail.NewStreamID(d.Category, id)
}

// Apply returns the aggregate after a recorded event. It can start from any aggregate, so also from a snapshot. Errors are
// those of [codec.DecodeAs].
func (d Decider[S, C, E]) Apply(aggregate Aggregate[S], recorded contrail.Recorded) (Aggregate[S], error) {
	events, err := codec.DecodeAs[E](d.Codec, recorded)
	if err != nil {
		return aggregate, err
	}
	state := aggregate.State
	for _, event := range events {
		state = d.Evolve(state, event)
	}
	if forgotten, ok := any(state).(interface{ WithErased(contrail.Recorded) S }); ok && recorded.Erased {
		state = forgotten.WithErased(recorded)
	}
	return Aggregate[S]{
		ID:       recorded.Stream.ID(),
		TenantID: recorded.Metadata[contrail.KeyTenantID],
		Version:  recorded.Version,
		State:    state,
	}, nil
}
