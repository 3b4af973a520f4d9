package contact

import (
	"fmt"

	"github.com/contrail-events/contrail/domain/rule"
)

// Decide returns the events that a command leads to, or the rule that it breaks: [ErrExists], [ErrNotCreated], [ErrDeleted], or
// [rule.FieldErrors] with everything that is wrong with what was given.
func Decide(state State, command Command) ([]Event, error) {
	switch command := command.(type) {
	case Create:
		return create(state, command)
	case Update:
		return update(state, command)
	case Delete:
		return remove(state, command)
	}
	return nil, fmt.Errorf("contact: no command: %T", command)
}

func create(state State, command Create) ([]Event, error) {
	if state.ID != "" {
		return nil, ErrExists
	}
	faults := append([]*rule.FieldError{
		rule.ID("id", command.ID),
		rule.ID("organisation_id", command.OrganisationID),
		rule.Reference(command.Reference),
	}, checkDetails(command.Details)...)
	if err := rule.Check(faults...); err != nil {
		return nil, err
	}
	body := Body{ID: command.ID, Details: command.Details}
	return []Event{Created{Contact: body, OrganisationID: command.OrganisationID, Reference: command.Reference}}, nil
}

func update(state State, command Update) ([]Event, error) {
	if err := state.CheckLive(); err != nil {
		return nil, err
	}
	if err := rule.Check(checkDetails(command.Details)...); err != nil {
		return nil, err
	}
	return []Event{Updated{Contact: Body{ID: state.ID, Details: command.Details}}}, nil
}

func remove(state State, command Delete) ([]Event, error) {
	if err := state.CheckLive(); err != nil {
		return nil, err
	}
	if err := rule.Check(rule.Time("at", command.At)); err != nil {
		return nil, err
	}
	return []Event{Deleted{Contact: DeletedBody{ID: state.ID, DeletedAt: rule.Moment(command.At)}}}, nil
}

func checkDetails(details Details) []*rule.FieldError {
	return []*rule.FieldError{
		rule.Text("first_name", details.FirstName, MaxNameLength),
		rule.Text("last_name", details.LastName, MaxNameLength),
		checkEmail(details.Email),
	}
}
