package domain

import (
	"slices"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/rule"
)

const maxActorLength = 200

// Actor is on whose behalf something is done. It goes into the metadata of every event.
type Actor struct {
	TenantID      string // required: whose data they are
	UserID        string // required: who does it
	CorrelationID string // joins all that one request sets off; "": none
}

func (a Actor) check() error {
	faults := []*rule.FieldError{rule.Text("tenant_id", a.TenantID, maxActorLength), rule.Text("user_id", a.UserID, maxActorLength)}
	if a.CorrelationID != "" {
		faults = append(faults, rule.Text("correlation_id", a.CorrelationID, maxActorLength))
	}
	return rule.Check(faults...)
}

// owns tells whether there are events, and all of them are the tenant's.
func (a Actor) owns(events []contrail.Recorded) bool {
	return len(events) > 0 && !slices.ContainsFunc(events, func(recorded contrail.Recorded) bool {
		return recorded.Metadata[contrail.KeyTenantID] != a.TenantID
	})
}

// sign returns the event with what the actor has to say in its metadata.
func (a Actor) sign(event contrail.Event) contrail.Event {
	event.Metadata = event.Metadata.With(contrail.KeyTenantID, a.TenantID).With(contrail.KeyUserID, a.UserID)
	if a.CorrelationID != "" {
		event.Metadata = event.Metadata.With(contrail.KeyCorrelationID, a.CorrelationID)
	}
	return event
}
