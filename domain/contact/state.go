package contact

import (
	"time"

	"github.com/contrail-events/contrail"
)

// State is what the events add up to. The zero value is a contact that was never created. Its JSON form is fit for a snapshot.
type State struct {
	ID             string `json:"id"`
	OrganisationID string `json:"organisation_id"`
	Details
	Reference string    `json:"reference,omitempty"` // the client's own name for it; "": none
	DeletedAt time.Time `json:"deleted_at,omitzero"` // zero while it lives
}

// CheckLive returns nil for a contact that exists and is not deleted, else [ErrNotCreated] or [ErrDeleted].
func (s State) CheckLive() error {
	switch {
	case s.ID == "":
		return ErrNotCreated
	case !s.DeletedAt.IsZero():
		return ErrDeleted
	}
	return nil
}

// Evolve returns the state after an event. It can't fail: what is recorded has happened.
func Evolve(state State, event Event) State {
	switch event := event.(type) {
	case Created:
		return State{
			ID: event.Contact.ID, OrganisationID: event.OrganisationID, Details: event.Contact.Details, Reference: event.Reference,
		}
	case Updated:
		state.Details = event.Contact.Details
	case Deleted:
		state.DeletedAt = event.Contact.DeletedAt
	}
	return state
}

// WithErased is the state behind an event whose data was erased, and which [Evolve] has seen without them: the person is forgotten, but not that there
// was a contact, or that it was deleted.
func (s State) WithErased(event contrail.Recorded) State {
	s.ID = event.Stream.ID()
	if event.Type == (Deleted{}).EventType() {
		s.DeletedAt = event.RecordedAt
	}
	return s
}
