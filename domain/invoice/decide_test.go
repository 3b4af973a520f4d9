package invoice_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/domain/rule"
)

var noon = time.Date(2021, 1, 1, 12, 0, 0, 123456789, time.UTC)

func usd(amount string) money.Money { return of(amount, "USD") }

func of(amount, code string) money.Money {
	m, err := money.Parse(amount, code)
	if err != nil {
		panic(err)
	}
	return m
}

func day(text string) invoice.Date {
	date, err := invoice.ParseDate(text)
	if err != nil {
		panic(err)
	}
	return date
}

func lines() []invoice.LineItem {
	return []invoice.LineItem{{"Balls to the Wall", usd("0.99"), 1}, {"Restless and Wild", usd("0.99"), 2}}
}

func draft() invoice.Draft {
	return invoice.Draft{
		ID: "i1", OrganisationID: "o1", ContactID: "c1", CurrencyCode: "USD", DueDate: day("2021-01-31"), LineItems: lines(), At: noon,
	}
}

func body() invoice.Body {
	return invoice.Body{
		ID: "i1", OrganisationID: "o1", ContactID: "c1", Status: invoice.StatusDrafted, CurrencyCode: "USD",
		DueDate: day("2021-01-31"), LineItems: lines(), SubTotal: usd("2.97"),
	}
}

// given plays commands that must be accepted and returns the state that their events lead to.
func given(t *testing.T, commands ...invoice.Command) invoice.State {
	t.Helper()
	var state invoice.State
	for _, command := range commands {
		events, err := invoice.Decide(state, command)
		require.NoError(t, err)
		for _, event := range events {
			state = invoice.Evolve(state, event)
		}
	}
	return state
}

func TestDecideAccepts(t *testing.T) {
	t.Parallel()
	at := time.Date(2021, 1, 1, 12, 0, 0, 123456000, time.UTC)
	updated := body()
	updated.ContactID, updated.DueDate = "c2", day("2021-01-01")
	updated.LineItems, updated.SubTotal = []invoice.LineItem{{"Gift", usd("0"), 3}}, usd("0")
	same := body()
	for _, test := range []struct {
		name  string
		given []invoice.Command
		when  invoice.Command
		then  invoice.Event
	}{
		{"draft", nil, draft(), invoice.Drafted{Invoice: body(), DraftedOn: day("2021-01-01")}},
		{
			"update everything",
			[]invoice.Command{draft()},
			invoice.Update{ContactID: "c2", DueDate: day("2021-01-01"), LineItems: updated.LineItems},
			invoice.Updated{Invoice: updated},
		},
		{
			"update, contact as before",
			[]invoice.Command{draft()},
			invoice.Update{DueDate: same.DueDate, LineItems: same.LineItems},
			invoice.Updated{Invoice: same},
		},
		{
			"issue",
			[]invoice.Command{draft()},
			invoice.Issue{At: noon},
			invoice.Issued{Invoice: invoice.IssuedBody{ID: "i1", Status: invoice.StatusIssued, IssuedAt: at, OrganisationID: "o1"}},
		},
		{
			"pay",
			[]invoice.Command{draft(), invoice.Issue{At: noon}},
			invoice.Pay{At: noon.In(time.FixedZone("east", 3600))},
			invoice.Paid{Invoice: invoice.PaidBody{ID: "i1", Status: invoice.StatusPaid, PaidAt: at, OrganisationID: "o1"}},
		},
		{
			"void a draft",
			[]invoice.Command{draft()},
			invoice.Void{},
			invoice.Voided{Invoice: invoice.VoidedBody{ID: "i1", Status: invoice.StatusVoided, OrganisationID: "o1"}},
		},
		{
			"void an issued one",
			[]invoice.Command{draft(), invoice.Issue{At: noon}},
			invoice.Void{},
			invoice.Voided{Invoice: invoice.VoidedBody{ID: "i1", Status: invoice.StatusVoided, OrganisationID: "o1"}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			events, err := invoice.Decide(given(t, test.given...), test.when)
			require.NoError(t, err)
			require.Equal(t, []invoice.Event{test.then}, events)
		})
	}
}

func history(status invoice.Status) []invoice.Command {
	issue, pay := invoice.Issue{At: noon}, invoice.Pay{At: noon}
	switch status {
	case invoice.StatusDrafted:
		return []invoice.Command{draft()}
	case invoice.StatusIssued:
		return []invoice.Command{draft(), issue}
	case invoice.StatusPaid:
		return []invoice.Command{draft(), issue, pay}
	case invoice.StatusVoided:
		return []invoice.Command{draft(), invoice.Void{}}
	}
	return nil
}

func commands() map[string]invoice.Command {
	return map[string]invoice.Command{
		"update": invoice.Update{DueDate: day("2021-01-31"), LineItems: lines()},
		"issue":  invoice.Issue{At: noon}, "pay": invoice.Pay{At: noon}, "void": invoice.Void{}, "delete": invoice.Delete{At: noon},
	}
}

func TestTransitions(t *testing.T) {
	t.Parallel()
	takes := map[invoice.Status][]string{
		invoice.StatusDrafted: {"update", "issue", "void", "delete"},
		invoice.StatusIssued:  {"pay", "void", "delete"},
		invoice.StatusPaid:    {"delete"},
		invoice.StatusVoided:  {"delete"},
	}
	for _, status := range invoice.Statuses() {
		state := given(t, history(status)...)
		require.Equal(t, status, state.Status)
		for verb, command := range commands() {
			events, err := invoice.Decide(state, command)
			if slices.Contains(takes[status], verb) {
				require.NoError(t, err, "%s %s", verb, status)
				require.Len(t, events, 1)
				continue
			}
			var refused *invoice.TransitionError
			require.ErrorAs(t, err, &refused, "%s %s", verb, status)
			require.Equal(t, [2]string{string(status), verb}, [2]string{string(refused.Status), refused.Verb})
			require.ErrorIs(t, err, rule.ErrRefused)
			require.Empty(t, events)
		}
	}
}

func TestCommandsNeedTheirTime(t *testing.T) {
	t.Parallel()
	for status, command := range map[invoice.Status]invoice.Command{
		invoice.StatusDrafted: invoice.Issue{}, invoice.StatusIssued: invoice.Pay{}, invoice.StatusPaid: invoice.Delete{},
	} {
		_, err := invoice.Decide(given(t, history(status)...), command)
		require.ErrorIs(t, err, rule.ErrNoTime)
	}
}

func TestTransitionErrorText(t *testing.T) {
	t.Parallel()
	_, err := invoice.Decide(given(t, history(invoice.StatusPaid)...), invoice.Void{})
	require.EqualError(t, err, "can't void an invoice that is paid: only a drafted or an issued one can be voided; leave it")
	_, err = invoice.Decide(given(t, draft()), invoice.Pay{At: noon})
	require.EqualError(t, err, "can't pay an invoice that is drafted: it must be issued; a draft can be issued first")
}

func TestNothingBeforeTheDraftNorAfterTheDeletion(t *testing.T) {
	t.Parallel()
	for verb, command := range commands() {
		_, err := invoice.Decide(invoice.State{}, command)
		require.ErrorIs(t, err, invoice.ErrNotDrafted, verb)
		require.ErrorIs(t, err, rule.ErrNotFound, verb)
	}
	for _, status := range invoice.Statuses() {
		deleted := given(t, append(history(status), invoice.Delete{At: noon})...)
		require.Equal(t, status, deleted.Status, "a deleted invoice keeps its status")
		for verb, command := range commands() {
			_, err := invoice.Decide(deleted, command)
			require.ErrorIs(t, err, invoice.ErrDeleted, verb)
		}
		_, err := invoice.Decide(deleted, draft())
		require.ErrorIs(t, err, invoice.ErrExists)
	}
	_, err := invoice.Decide(given(t, draft()), draft())
	require.ErrorIs(t, err, invoice.ErrExists)
	_, err = invoice.Decide(invoice.State{}, nil)
	require.Error(t, err)
}
