package organisation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/domain/rule"
)

var noon = time.Date(2021, 1, 1, 12, 0, 0, 123456789, time.UTC)

func given(t *testing.T, commands ...organisation.Command) organisation.State {
	t.Helper()
	var state organisation.State
	for _, command := range commands {
		events, err := organisation.Decide(state, command)
		require.NoError(t, err)
		for _, event := range events {
			state = organisation.Evolve(state, event)
		}
	}
	return state
}

func TestDecide(t *testing.T) {
	t.Parallel()
	create, rename, remove := organisation.Create{ID: "o1", Name: "Acme"}, organisation.Rename{Name: "Apex"}, organisation.Delete{At: noon}
	for _, test := range []struct {
		name  string
		given []organisation.Command
		when  organisation.Command
		then  organisation.Event
		rule  error
	}{
		{name: "create", when: create, then: organisation.Created{Organisation: organisation.Body{ID: "o1", Name: "Acme"}}},
		{
			name: "rename", given: []organisation.Command{create}, when: rename,
			then: organisation.Updated{Organisation: organisation.Body{ID: "o1", Name: "Apex"}},
		},
		{
			name: "delete, by its last name", given: []organisation.Command{create, rename}, when: remove,
			then: organisation.Deleted{Organisation: organisation.DeletedBody{ID: "o1", Name: "Apex", DeletedAt: rule.Moment(noon)}},
		},
		{name: "create twice", given: []organisation.Command{create}, when: create, rule: organisation.ErrExists},
		{name: "create again", given: []organisation.Command{create, remove}, when: create, rule: organisation.ErrExists},
		{name: "rename nothing", when: rename, rule: organisation.ErrNotCreated},
		{name: "delete nothing", when: remove, rule: organisation.ErrNotCreated},
		{name: "rename a deleted one", given: []organisation.Command{create, remove}, when: rename, rule: organisation.ErrDeleted},
		{name: "delete twice", given: []organisation.Command{create, remove}, when: remove, rule: organisation.ErrDeleted},
		{name: "no id", when: organisation.Create{Name: "Acme"}, rule: rule.ErrBlank},
		{name: "no name", when: organisation.Create{ID: "o1"}, rule: rule.ErrBlank},
		{name: "blank name", given: []organisation.Command{create}, when: organisation.Rename{Name: "\u00a0 "}, rule: rule.ErrBlank},
		{name: "long name", when: organisation.Create{ID: "o1", Name: strings.Repeat("ü", 201)}, rule: rule.ErrTooLong},
		{name: "NUL in the name", given: []organisation.Command{create}, when: organisation.Rename{Name: "A\x00"}, rule: rule.ErrUnprintable},
		{name: "no time", given: []organisation.Command{create}, when: organisation.Delete{}, rule: rule.ErrNoTime},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			events, err := organisation.Decide(given(t, test.given...), test.when)
			if test.rule != nil {
				require.ErrorIs(t, err, test.rule)
				require.Empty(t, events)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []organisation.Event{test.then}, events)
		})
	}
}

func TestDecideRefusesNoCommand(t *testing.T) {
	t.Parallel()
	_, err := organisation.Decide(organisation.State{}, nil)
	require.Error(t, err)
}

func ExampleDecide() {
	events, _ := organisation.Decide(organisation.State{}, organisation.Create{ID: "7", Name: "Acme"})
	state := organisation.Evolve(organisation.State{}, events[0])
	_, err := organisation.Decide(state, organisation.Rename{Name: ""})
	fmt.Println(events[0].EventType(), state.Name)
	fmt.Println(err)
	// Output:
	// OrganisationCreated Acme
	// name is empty: fill it in
}
