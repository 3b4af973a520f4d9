package organisation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/domain/rule"
	"github.com/contrail-events/contrail/internal/domaintest"
)

type (
	table = domaintest.Table[organisation.State, organisation.Command, organisation.Event]
	row   = domaintest.Row[organisation.Command, organisation.Event]
)

var noon = time.Date(2021, 1, 1, 12, 0, 0, 123456789, time.UTC)

func TestDecide(t *testing.T) {
	t.Parallel()
	create, rename, remove := organisation.Create{ID: "o1", Name: "Acme"}, organisation.Rename{Name: "Apex"}, organisation.Delete{At: noon}
	live, deleted := []organisation.Command{create}, []organisation.Command{create, remove}
	table{
		Decide: organisation.Decide, Evolve: organisation.Evolve, Name: kind,
		States: []string{"nothing", "a living one", "a deleted one"}, Commands: []organisation.Command{create, rename, remove},
		Rows: []row{
			{Name: "create", When: create, Then: organisation.Created{Organisation: organisation.Body{ID: "o1", Name: "Acme"}}},
			{Name: "rename", Given: live, When: rename, Then: organisation.Updated{Organisation: organisation.Body{ID: "o1", Name: "Apex"}}},
			{
				Name: "delete, by its last name", Given: []organisation.Command{create, rename}, When: remove,
				Then: organisation.Deleted{Organisation: organisation.DeletedBody{ID: "o1", Name: "Apex", DeletedAt: rule.Moment(noon)}},
			},
			{Name: "rename to the same name", Given: live, When: organisation.Rename{Name: "Acme"}, Then: organisation.Updated{Organisation: organisation.Body{ID: "o1", Name: "Acme"}}},

			{Name: "create twice", Given: live, When: create, Rule: organisation.ErrExists},
			{Name: "create again", Given: deleted, When: create, Rule: organisation.ErrExists},
			{Name: "rename nothing", When: rename, Rule: organisation.ErrNotCreated},
			{Name: "delete nothing", When: remove, Rule: organisation.ErrNotCreated},
			{Name: "rename a deleted one", Given: deleted, When: rename, Rule: organisation.ErrDeleted},
			{Name: "delete twice", Given: deleted, When: remove, Rule: organisation.ErrDeleted},

			{Name: "no id", When: organisation.Create{Name: "Acme"}, Rule: rule.ErrBlank, Field: "id"},
			{Name: "long id", When: organisation.Create{ID: strings.Repeat("x", 101), Name: "Acme"}, Rule: rule.ErrTooLong, Field: "id"},
			{Name: "no name", When: organisation.Create{ID: "o1"}, Rule: rule.ErrBlank, Field: "name"},
			{Name: "blank name", Given: live, When: organisation.Rename{Name: "\u00a0 "}, Rule: rule.ErrBlank, Field: "name"},
			{Name: "name of 201 characters", When: organisation.Create{ID: "o1", Name: strings.Repeat("ü", 201)}, Rule: rule.ErrTooLong, Field: "name"},
			{Name: "name with a NUL", Given: live, When: organisation.Rename{Name: "A\x00"}, Rule: rule.ErrUnprintable, Field: "name"},
			{Name: "no time", Given: live, When: organisation.Delete{}, Rule: rule.ErrNoTime, Field: "at"},
			{
				Name: "a time after all years", Given: live,
				When: organisation.Delete{At: time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("west", -2*60*60))}, Rule: rule.ErrNoTime, Field: "at",
			},
		},
	}.Run(t, "*.go", "../rule/text.go", "../rule/moment.go")
}

func kind(state organisation.State) string {
	switch {
	case state.ID == "":
		return "nothing"
	case !state.DeletedAt.IsZero():
		return "a deleted one"
	}
	return "a living one"
}

func TestDecideReportsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := organisation.Decide(organisation.State{}, organisation.Create{ID: "", Name: "\t"})
	require.EqualError(t, err, "id is empty: fill it in; name has a control character, a line break or is no UTF-8: remove it")
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
