package command_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/command"
)

// account is the state of the aggregate of these tests.
type account struct {
	Owner   string           `json:"owner,omitempty"`
	Balance int64            `json:"balance"`
	Notes   []string         `json:"notes,omitempty"`
	ByNote  map[string]int64 `json:"by_note,omitempty"`
}

// accountEvent is opened or moved.
type accountEvent interface {
	contrail.Payload
	apply(state account) account
}

// opened is about a person.
type opened struct {
	Owner string `json:"owner"`
}

func (opened) EventType() string { return "AccountOpened" }

func (e opened) apply(state account) account {
	state.Owner = e.Owner
	return state
}

type moved struct {
	Amount int64  `json:"amount"`
	Note   string `json:"note"`
}

func (moved) EventType() string { return "MoneyMoved" }

func (e moved) apply(state account) account {
	state.Balance += e.Amount
	state.Notes = append(slices.Clone(state.Notes), e.Note)
	state.ByNote = maps.Clone(state.ByNote)
	if state.ByNote == nil {
		state.ByNote = map[string]int64{}
	}
	state.ByNote[e.Note] += e.Amount
	return state
}

var errOverdrawn = errors.New("overdrawn")

// accountCommand is what a person wants of an account: to open it, or to move some amounts in or out.
type accountCommand struct {
	Owner   string
	Amounts []int64
	Note    string
}

func open(owner string) accountCommand     { return accountCommand{Owner: owner} }
func move(amounts ...int64) accountCommand { return accountCommand{Amounts: amounts, Note: "n"} }

func decide(state account, wanted accountCommand) ([]accountEvent, error) {
	var events []accountEvent
	if wanted.Owner != "" {
		events = append(events, opened{Owner: wanted.Owner})
	}
	for _, amount := range wanted.Amounts {
		if state.Balance += amount; state.Balance < 0 {
			return nil, fmt.Errorf("%w: %d", errOverdrawn, state.Balance)
		}
		events = append(events, moved{Amount: amount, Note: wanted.Note})
	}
	return events, nil
}

func evolve(state account, event accountEvent) account { return event.apply(state) }

func decode(recorded contrail.Recorded) (accountEvent, error) {
	switch recorded.Type {
	case opened{}.EventType():
		return decodeAs[opened](recorded)
	case moved{}.EventType():
		return decodeAs[moved](recorded)
	}
	return nil, fmt.Errorf("unknown type %s", recorded.Type)
}

func decodeAs[E accountEvent](recorded contrail.Recorded) (event E, err error) {
	if recorded.Sealed {
		return event, nil
	}
	return event, json.Unmarshal(recorded.Data, &event)
}

// accounts is the aggregate; tests replace what they are about.
func accounts() command.Decider[account, accountCommand, accountEvent] {
	return command.Decider[account, accountCommand, accountEvent]{
		Category: "account", Decide: decide, Evolve: evolve, Decode: command.One(decode),
	}
}
