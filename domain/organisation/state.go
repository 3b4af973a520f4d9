package organisation

import "time"

// State is what the events add up to. The zero value is an organisation that was never created. Its JSON form is fit for a
// snapshot.
type State struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Reference string    `json:"reference,omitempty"` // the client's own name for it; "": none
	DeletedAt time.Time `json:"deleted_at,omitzero"` // zero while it lives
}

// CheckLive returns nil for an organisation that exists and is not deleted, else [ErrNotCreated] or [ErrDeleted].
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
		return State{ID: event.Organisation.ID, Name: event.Organisation.Name, Reference: event.Reference}
	case Updated:
		state.Name = event.Organisation.Name
	case Deleted:
		state.DeletedAt = event.Organisation.DeletedAt
	}
	return state
}
