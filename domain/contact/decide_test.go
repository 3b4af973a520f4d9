package contact_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/rule"
	"github.com/contrail-events/contrail/internal/domaintest"
)

type (
	table = domaintest.Table[contact.State, contact.Command, contact.Event]
	row   = domaintest.Row[contact.Command, contact.Event]
)

var noon = time.Date(2021, 1, 1, 12, 0, 0, 123456789, time.UTC)

func leonie() contact.Details {
	return contact.Details{FirstName: "Leonie", LastName: "Köhler", Email: "leonekohler@surfeu.de"}
}

func bjorn() contact.Details {
	return contact.Details{FirstName: "Bjørn", LastName: "Hansen", Email: "bjorn.hansen@yahoo.no"}
}

// changed is an update to Leonie's details with one thing changed about them.
func changed(change func(*contact.Details)) contact.Update {
	details := leonie()
	change(&details)
	return contact.Update{Details: details}
}

func specification() table {
	create := contact.Create{ID: "c1", OrganisationID: "o1", Details: leonie()}
	update, remove := contact.Update{Details: bjorn()}, contact.Delete{At: noon}
	live, deleted := []contact.Command{create}, []contact.Command{create, remove}
	long := strings.Repeat("ü", contact.MaxNameLength)
	return table{
		Decide: contact.Decide, Evolve: contact.Evolve, Name: kind,
		States: []string{"nothing", "a living one", "a deleted one"}, Commands: []contact.Command{create, update, remove},
		Rows: []row{
			{Name: "create", When: create, Then: contact.Created{Contact: contact.Body{ID: "c1", Details: leonie()}, OrganisationID: "o1"}},
			{Name: "update", Given: live, When: update, Then: contact.Updated{Contact: contact.Body{ID: "c1", Details: bjorn()}}},
			{Name: "delete", Given: live, When: remove, Then: contact.Deleted{Contact: contact.DeletedBody{ID: "c1", DeletedAt: rule.Moment(noon)}}},
			{
				Name: "names of 200 characters", Given: live, When: changed(func(d *contact.Details) { d.FirstName, d.LastName = long, long }),
				Then: contact.Updated{Contact: contact.Body{ID: "c1", Details: contact.Details{FirstName: long, LastName: long, Email: leonie().Email}}},
			},

			{Name: "create twice", Given: live, When: create, Rule: contact.ErrExists},
			{Name: "create again", Given: deleted, When: create, Rule: contact.ErrExists},
			{Name: "update nothing", When: update, Rule: contact.ErrNotCreated},
			{Name: "delete nothing", When: remove, Rule: contact.ErrNotCreated},
			{Name: "update a deleted one", Given: deleted, When: update, Rule: contact.ErrDeleted},
			{Name: "delete twice", Given: deleted, When: remove, Rule: contact.ErrDeleted},

			{Name: "no id", When: contact.Create{OrganisationID: "o1", Details: leonie()}, Rule: rule.ErrBlank, Field: "id"},
			{Name: "no organisation", When: contact.Create{ID: "c1", Details: leonie()}, Rule: rule.ErrBlank, Field: "organisation_id"},
			{
				Name: "long id of an organisation", When: contact.Create{ID: "c1", OrganisationID: strings.Repeat("x", 101), Details: leonie()},
				Rule: rule.ErrTooLong, Field: "organisation_id",
			},
			{Name: "no time", Given: live, When: contact.Delete{}, Rule: rule.ErrNoTime, Field: "at"},
			refused("blank first name", "first_name", rule.ErrBlank, func(d *contact.Details) { d.FirstName = " " }),
			refused("invisible last name", "last_name", rule.ErrBlank, func(d *contact.Details) { d.LastName = "\u3164" }),
			refused("last name of 201 characters", "last_name", rule.ErrTooLong, func(d *contact.Details) { d.LastName = long + "x" }),
			refused("first name on two lines", "first_name", rule.ErrUnprintable, func(d *contact.Details) { d.FirstName = "a\u2028b" }),
			refused("no e-mail", "email", rule.ErrBlank, func(d *contact.Details) { d.Email = "" }),
			refused("e-mail without a domain", "email", contact.ErrEmail, func(d *contact.Details) { d.Email = "leonie" }),
			refused("e-mail of 255 bytes", "email", rule.ErrTooLong, func(d *contact.Details) { d.Email = emailOf(255) }),
		},
	}
}

// refused is a row in which an update breaks one rule; a creation breaks it, too, as [TestCreateRefusesWhatUpdateRefuses] shows.
func refused(name, field string, why error, change func(*contact.Details)) row {
	given := []contact.Command{contact.Create{ID: "c1", OrganisationID: "o1", Details: leonie()}}
	return row{Name: name, Given: given, When: changed(change), Rule: why, Field: field}
}

func kind(state contact.State) string {
	switch {
	case state.ID == "":
		return "nothing"
	case !state.DeletedAt.IsZero():
		return "a deleted one"
	}
	return "a living one"
}

func TestDecide(t *testing.T) {
	t.Parallel()
	specification().Run(t, "*.go", "../rule/text.go", "../rule/moment.go")
}

func TestCreateRefusesWhatUpdateRefuses(t *testing.T) {
	t.Parallel()
	for _, row := range specification().Rows {
		update, ok := row.When.(contact.Update)
		if !ok || row.Field == "" {
			continue
		}
		_, err := contact.Decide(contact.State{}, contact.Create{ID: "c1", OrganisationID: "o1", Details: update.Details})
		require.ErrorIs(t, err, row.Rule, row.Name)
	}
}

func TestUpdateLeavesTheOrganisationAlone(t *testing.T) {
	t.Parallel()
	create, update := contact.Create{ID: "c1", OrganisationID: "o1", Details: leonie()}, contact.Update{Details: bjorn()}
	require.Equal(t, contact.State{ID: "c1", OrganisationID: "o1", Details: bjorn()}, specification().Given(t, create, update))
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
