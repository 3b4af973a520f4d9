package contact_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/rule"
)

var noon = time.Date(2021, 1, 1, 12, 0, 0, 123456789, time.UTC)

func given(t *testing.T, commands ...contact.Command) contact.State {
	t.Helper()
	var state contact.State
	for _, command := range commands {
		events, err := contact.Decide(state, command)
		require.NoError(t, err)
		for _, event := range events {
			state = contact.Evolve(state, event)
		}
	}
	return state
}

func TestDecide(t *testing.T) {
	t.Parallel()
	details := contact.Details{FirstName: "Leonie", LastName: "Köhler", Email: "leonekohler@surfeu.de"}
	other := contact.Details{FirstName: "Bjørn", LastName: "Hansen", Email: "bjorn.hansen@yahoo.no"}
	create := contact.Create{ID: "c1", OrganisationID: "o1", Details: details}
	update, remove := contact.Update{Details: other}, contact.Delete{At: noon}
	with := func(change func(*contact.Details)) contact.Details {
		changed := details
		change(&changed)
		return changed
	}
	for _, test := range []struct {
		name  string
		given []contact.Command
		when  contact.Command
		then  contact.Event
		rule  error
	}{
		{name: "create", when: create, then: contact.Created{Contact: contact.Body{ID: "c1", Details: details}, OrganisationID: "o1"}},
		{
			name: "update", given: []contact.Command{create}, when: update,
			then: contact.Updated{Contact: contact.Body{ID: "c1", Details: other}},
		},
		{
			name: "delete", given: []contact.Command{create}, when: remove,
			then: contact.Deleted{Contact: contact.DeletedBody{ID: "c1", DeletedAt: rule.Moment(noon)}},
		},
		{name: "create twice", given: []contact.Command{create}, when: create, rule: contact.ErrExists},
		{name: "create again", given: []contact.Command{create, remove}, when: create, rule: contact.ErrExists},
		{name: "update nothing", when: update, rule: contact.ErrNotCreated},
		{name: "delete nothing", when: remove, rule: contact.ErrNotCreated},
		{name: "update a deleted one", given: []contact.Command{create, remove}, when: update, rule: contact.ErrDeleted},
		{name: "delete twice", given: []contact.Command{create, remove}, when: remove, rule: contact.ErrDeleted},
		{name: "no id", when: contact.Create{OrganisationID: "o1", Details: details}, rule: rule.ErrBlank},
		{name: "no organisation", when: contact.Create{ID: "c1", Details: details}, rule: rule.ErrBlank},
		{
			name: "no first name", given: []contact.Command{create},
			when: contact.Update{Details: with(func(d *contact.Details) { d.FirstName = " " })}, rule: rule.ErrBlank,
		},
		{
			name: "long last name", given: []contact.Command{create},
			when: contact.Update{Details: with(func(d *contact.Details) { d.LastName = strings.Repeat("x", 201) })}, rule: rule.ErrTooLong,
		},
		{
			name: "no e-mail", given: []contact.Command{create},
			when: contact.Update{Details: with(func(d *contact.Details) { d.Email = "" })}, rule: rule.ErrBlank,
		},
		{
			name: "bad e-mail", given: []contact.Command{create},
			when: contact.Update{Details: with(func(d *contact.Details) { d.Email = "leonie" })}, rule: contact.ErrEmail,
		},
		{name: "no time", given: []contact.Command{create}, when: contact.Delete{}, rule: rule.ErrNoTime},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			events, err := contact.Decide(given(t, test.given...), test.when)
			if test.rule != nil {
				require.ErrorIs(t, err, test.rule)
				require.Empty(t, events)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []contact.Event{test.then}, events)
		})
	}
	require.Equal(t, "o1", given(t, create, update).OrganisationID, "an update leaves the organisation alone")
}

func TestDecideRefusesNoCommand(t *testing.T) {
	t.Parallel()
	_, err := contact.Decide(contact.State{}, nil)
	require.Error(t, err)
}

func ExampleDecide() {
	_, err := contact.Decide(contact.State{}, contact.Create{
		ID: "9", OrganisationID: "7", Details: contact.Details{FirstName: "Leonie", Email: "leonie@localhost"},
	})
	fmt.Println(err)
	// Output:
	// last_name is empty: fill it in; email is no e-mail address: write it as name@example.com
}
