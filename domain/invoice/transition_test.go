package invoice_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/rule"
)

// at is the noon of the commands as events hold it.
var at = time.Date(2021, 1, 1, 12, 0, 0, 123456000, time.UTC)

// history is what leads to an invoice of a kind.
func history(kind string) []invoice.Command {
	issue, pay, remove := invoice.Issue{At: noon}, invoice.Pay{At: noon}, invoice.Delete{At: noon}
	return map[string][]invoice.Command{
		"nothing":           nil,
		"a draft":           {draft()},
		"an issued one":     {draft(), issue},
		"a paid one":        {draft(), issue, pay},
		"a voided draft":    {draft(), invoice.Void{}},
		"a voided one":      {draft(), issue, invoice.Void{}},
		"a deleted draft":   {draft(), remove},
		"a deleted issue":   {draft(), issue, remove},
		"a deleted payment": {draft(), issue, pay, remove},
		"a deleted void":    {draft(), invoice.Void{}, remove},
	}[kind]
}

// outcomes are the commands, each with the event that it leads to wherever it is accepted.
func outcomes() []row {
	same := invoice.Update{DueDate: body().DueDate, LineItems: lines()}
	return []row{
		{Name: "draft", When: draft(), Then: invoice.Drafted{Invoice: body(), DraftedOn: day("2021-01-01")}},
		{Name: "update", When: same, Then: invoice.Updated{Invoice: body()}},
		{
			Name: "issue", When: invoice.Issue{At: noon},
			Then: invoice.Issued{Invoice: invoice.IssuedBody{ID: "i1", Status: invoice.StatusIssued, IssuedAt: at, OrganisationID: "o1"}},
		},
		{
			Name: "pay", When: invoice.Pay{At: noon.In(time.FixedZone("east", 3600))},
			Then: invoice.Paid{Invoice: invoice.PaidBody{ID: "i1", Status: invoice.StatusPaid, PaidAt: at, OrganisationID: "o1"}},
		},
		{
			Name: "void", When: invoice.Void{},
			Then: invoice.Voided{Invoice: invoice.VoidedBody{ID: "i1", Status: invoice.StatusVoided, OrganisationID: "o1"}},
		},
		{
			Name: "delete", When: invoice.Delete{At: noon},
			Then: invoice.Deleted{Invoice: invoice.DeletedBody{ID: "i1", OrganisationID: "o1", DeletedAt: at}},
		},
	}
}

// matrix has a row for each kind of invoice and a column for each command: the rule that is in the way, or nil where there is none.
func matrix() []row {
	var (
		none   = invoice.ErrNotDrafted
		exists = invoice.ErrExists
		gone   = invoice.ErrDeleted
		status = func(status invoice.Status, verb string) error {
			return &invoice.TransitionError{Status: status, Verb: verb}
		}
		issued = func(verb string) error { return status(invoice.StatusIssued, verb) }
		paid   = func(verb string) error { return status(invoice.StatusPaid, verb) }
		voided = func(verb string) error { return status(invoice.StatusVoided, verb) }
	)
	states := []struct {
		given                                   string
		draft, update, issue, pay, void, remove error
	}{
		{"nothing", nil, none, none, none, none, none},
		{"a draft", exists, nil, nil, status(invoice.StatusDrafted, "pay"), nil, nil},
		{"an issued one", exists, issued("update"), issued("issue"), nil, nil, nil},
		{"a paid one", exists, paid("update"), paid("issue"), paid("pay"), paid("void"), nil},
		{"a voided draft", exists, voided("update"), voided("issue"), voided("pay"), voided("void"), nil},
		{"a voided one", exists, voided("update"), voided("issue"), voided("pay"), voided("void"), nil},
		{"a deleted draft", exists, gone, gone, gone, gone, gone},
		{"a deleted issue", exists, gone, gone, gone, gone, gone},
		{"a deleted payment", exists, gone, gone, gone, gone, gone},
		{"a deleted void", exists, gone, gone, gone, gone, gone},
	}
	var rows []row
	for _, line := range states {
		for i, refusal := range []error{line.draft, line.update, line.issue, line.pay, line.void, line.remove} {
			row := outcomes()[i]
			row.Name += ", given " + line.given
			row.Given = history(line.given)
			row.Rule = refusal
			rows = append(rows, row)
		}
	}
	return rows
}

// kinds names each status, alive and deleted.
func kinds() (kinds []string) {
	kinds = append(kinds, "nothing")
	for _, status := range invoice.Statuses() {
		kinds = append(kinds, string(status), "deleted "+string(status))
	}
	return kinds
}

func kind(state invoice.State) string {
	switch {
	case state.ID == "":
		return "nothing"
	case !state.DeletedAt.IsZero():
		return "deleted " + string(state.Status)
	}
	return string(state.Status)
}

func TestTransitionErrorText(t *testing.T) {
	t.Parallel()
	for given, refusals := range map[string]map[string]string{
		"a draft": {"pay": "can't pay an invoice that is drafted: it must be issued; a draft can be issued first"},
		"a paid one": {
			"update": "can't update an invoice that is paid: only a draft can be updated; draft a new one",
			"issue":  "can't issue an invoice that is paid: only a drafted one can be issued; draft a new one",
			"pay":    "can't pay an invoice that is paid: it must be issued; a draft can be issued first",
			"void":   "can't void an invoice that is paid: only a drafted or an issued one can be voided; leave it",
		},
	} {
		for _, row := range outcomes() {
			if want := refusals[row.Name]; want != "" {
				_, err := invoice.Decide(specification().Given(t, history(given)...), row.When)
				require.EqualError(t, err, want)
				require.ErrorIs(t, err, rule.ErrRefused)
			}
		}
	}
}

func TestDecideRefusesNoCommand(t *testing.T) {
	t.Parallel()
	_, err := invoice.Decide(invoice.State{}, nil)
	require.Error(t, err)
}
