package organisation

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
	case Rename:
		return rename(state, command)
	case Delete:
		return remove(state, command)
	}
	return nil, fmt.Errorf("organisation: no command: %T", command)
}

func create(state State, command Create) ([]Event, error) {
	if state.ID != "" {
		return nil, ErrExists
	}
	if err := rule.Check(rule.ID("id", command.ID), checkName(command.Name), rule.Reference(command.Reference)); err != nil {
		return nil, err
	}
	return []Event{Created{Organisation: Body{ID: command.ID, Name: command.Name}, Reference: command.Reference}}, nil
}

func rename(state State, command Rename) ([]Event, error) {
	if err := state.CheckLive(); err != nil {
		return nil, err
	}
	if err := rule.Check(checkName(command.Name)); err != nil {
		return nil, err
	}
	return []Event{Updated{Organisation: Body{ID: state.ID, Name: command.Name}}}, nil
}

func remove(state State, command Delete) ([]Event, error) {
	if err := state.CheckLive(); err != nil {
		return nil, err
	}
	if err := rule.Check(rule.Time("at", command.At)); err != nil {
		return nil, err
	}
	return []Event{Deleted{Organisation: DeletedBody{ID: state.ID, Name: state.Name, DeletedAt: rule.Moment(command.At)}}}, nil
}

func checkName(name string) *rule.FieldError { return rule.Text("name", name, MaxNameLength) }
