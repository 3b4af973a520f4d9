package invoice

import (
	"fmt"
	"slices"

	"github.com/contrail-events/contrail/domain/rule"
)

// Decide returns the events that a command leads to, or the rule that it breaks: [ErrExists], [ErrNotDrafted], [ErrDeleted], a
// [*TransitionError], or [rule.FieldErrors] with everything that is wrong with what was given.
func Decide(state State, command Command) ([]Event, error) {
	switch command := command.(type) {
	case Draft:
		return draft(state, command)
	case Update:
		return update(state, command)
	case Issue:
		return issue(state, command)
	case Pay:
		return pay(state, command)
	case Void:
		return void(state)
	case Delete:
		return remove(state, command)
	}
	return nil, fmt.Errorf("invoice: no command: %T", command)
}

func issue(state State, command Issue) ([]Event, error) {
	if err := state.checkStatus("issue", "only a drafted one can be issued; draft a new one", StatusDrafted); err != nil {
		return nil, err
	}
	if err := rule.Check(rule.Time("at", command.At)); err != nil {
		return nil, err
	}
	at := rule.Moment(command.At)
	return []Event{Issued{IssuedBody{ID: state.ID, Status: StatusIssued, IssuedAt: at, OrganisationID: state.OrganisationID}}}, nil
}

func pay(state State, command Pay) ([]Event, error) {
	if err := state.checkStatus("pay", "it must be issued; a draft can be issued first", StatusIssued); err != nil {
		return nil, err
	}
	if err := rule.Check(rule.Time("at", command.At)); err != nil {
		return nil, err
	}
	at := rule.Moment(command.At)
	return []Event{Paid{PaidBody{ID: state.ID, Status: StatusPaid, PaidAt: at, OrganisationID: state.OrganisationID}}}, nil
}

func void(state State) ([]Event, error) {
	hint := "only a drafted or an issued one can be voided; leave it"
	if err := state.checkStatus("void", hint, StatusDrafted, StatusIssued); err != nil {
		return nil, err
	}
	return []Event{Voided{VoidedBody{ID: state.ID, Status: StatusVoided, OrganisationID: state.OrganisationID}}}, nil
}

func remove(state State, command Delete) ([]Event, error) {
	if err := state.CheckLive(); err != nil {
		return nil, err
	}
	if err := rule.Check(rule.Time("at", command.At)); err != nil {
		return nil, err
	}
	at := rule.Moment(command.At)
	return []Event{Deleted{DeletedBody{ID: state.ID, OrganisationID: state.OrganisationID, DeletedAt: at}}}, nil
}

// checkStatus returns a TransitionError unless a living invoice is in one of the statuses that the verb takes.
func (s State) checkStatus(verb, hint string, takes ...Status) error {
	if err := s.CheckLive(); err != nil {
		return err
	}
	if !slices.Contains(takes, s.Status) {
		return &TransitionError{Status: s.Status, Verb: verb, hint: hint}
	}
	return nil
}
