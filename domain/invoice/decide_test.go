package invoice_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/internal/domaintest"
)

type (
	table = domaintest.Table[invoice.State, invoice.Command, invoice.Event]
	row   = domaintest.Row[invoice.Command, invoice.Event]
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

// drafting is a draft with something changed about it.
func drafting(change func(*invoice.Draft)) invoice.Draft {
	command := draft()
	change(&command)
	return command
}

func body() invoice.Body {
	return invoice.Body{
		ID: "i1", OrganisationID: "o1", ContactID: "c1", Status: invoice.StatusDrafted, CurrencyCode: "USD",
		DueDate: day("2021-01-31"), LineItems: lines(), SubTotal: usd("2.97"),
	}
}

// reading is a body with something changed about it.
func reading(change func(*invoice.Body)) invoice.Body {
	changed := body()
	change(&changed)
	return changed
}

func specification() table {
	return table{
		Decide: invoice.Decide, Evolve: invoice.Evolve, Name: kind, States: kinds(),
		Commands: []invoice.Command{draft(), invoice.Update{}, invoice.Issue{}, invoice.Pay{}, invoice.Void{}, invoice.Delete{}},
		Rows:     slices.Concat(matrix(), accepted(), faultsOfLines(), faultsOfHeads()),
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	specification().Run(t, "*.go", "../rule/text.go", "../rule/moment.go")
}

// given is the state that commands lead to, all of which must be accepted.
func given(t *testing.T, commands ...invoice.Command) invoice.State {
	t.Helper()
	return specification().Given(t, commands...)
}

// accepted is what the limits of the rules still let through.
func accepted() []row {
	gift := []invoice.LineItem{{"Gift", usd("0"), 3}}
	large := []invoice.LineItem{{"x", usd("999999.99"), invoice.MaxQuantity}}
	many := slices.Repeat([]invoice.LineItem{{"x", usd("0.01"), 1}}, invoice.MaxLineItems)
	rows := []row{
		{
			Name: "update everything", Given: history("a draft"), When: invoice.Update{ContactID: "c2", DueDate: day("2021-01-01"), LineItems: gift},
			Then: invoice.Updated{Invoice: reading(func(b *invoice.Body) {
				b.ContactID, b.DueDate, b.LineItems, b.SubTotal = "c2", day("2021-01-01"), gift, usd("0")
			})},
		},
		{
			Name: "update a second time", Given: append(history("a draft"), invoice.Update{DueDate: day("2021-06-01"), LineItems: gift}),
			When: invoice.Update{DueDate: day("2021-01-31"), LineItems: lines()}, Then: invoice.Updated{Invoice: body()},
		},
	}
	for name, change := range map[string]func(*invoice.Draft, *invoice.Body){
		"due on the day of the draft": func(d *invoice.Draft, b *invoice.Body) { d.DueDate, b.DueDate = day("2021-01-01"), day("2021-01-01") },
		"due on the last of days":     func(d *invoice.Draft, b *invoice.Body) { d.DueDate, b.DueDate = day("9999-12-31"), day("9999-12-31") },
		"a thousand million of one thing": func(d *invoice.Draft, b *invoice.Body) {
			d.LineItems, b.LineItems, b.SubTotal = large, large, usd("999999990000000")
		},
		"300 lines": func(d *invoice.Draft, b *invoice.Body) { d.LineItems, b.LineItems, b.SubTotal = many, many, usd("3") },
	} {
		command, then := draft(), body()
		change(&command, &then)
		rows = append(rows, row{Name: name, When: command, Then: invoice.Drafted{Invoice: then, DraftedOn: day("2021-01-01")}})
	}
	marks := []invoice.LineItem{{"Buch", of("9.80", "DEM"), 2}}
	return append(rows, row{
		Name: "drafted when there were marks", When: drafting(func(d *invoice.Draft) {
			d.CurrencyCode, d.LineItems, d.DraftedOn, d.DueDate = "DEM", marks, day("2001-12-01"), day("2001-12-31")
		}),
		Then: invoice.Drafted{DraftedOn: day("2001-12-01"), Invoice: reading(func(b *invoice.Body) {
			b.CurrencyCode, b.LineItems, b.SubTotal, b.DueDate = "DEM", marks, of("19.60", "DEM"), day("2001-12-31")
		})},
	}, row{
		Name: "drafted long ago", When: drafting(func(d *invoice.Draft) { d.DraftedOn, d.DueDate = day("2009-01-01"), day("2009-01-31") }),
		Then: invoice.Drafted{Invoice: reading(func(b *invoice.Body) { b.DueDate = day("2009-01-31") }), DraftedOn: day("2009-01-01")},
	})
}

// The day of the draft counts, not that of the update, and it is a day in UTC.
func TestDueDateAndTheDayOfTheDraft(t *testing.T) {
	t.Parallel()
	command := drafting(func(d *invoice.Draft) {
		d.At, d.DueDate = time.Date(2021, 1, 1, 1, 0, 0, 0, time.FixedZone("east", 2*60*60)), day("2020-12-31")
	})
	state := given(t, command)
	require.Equal(t, day("2020-12-31"), state.DraftedOn)
	_, err := invoice.Decide(state, invoice.Update{DueDate: day("2020-12-31"), LineItems: lines()})
	require.NoError(t, err)
	state = given(t, command, invoice.Update{DueDate: day("2021-06-01"), LineItems: lines()})
	_, err = invoice.Decide(state, invoice.Update{DueDate: day("2020-12-30"), LineItems: lines()})
	require.ErrorIs(t, err, invoice.ErrDueBeforeDraft)
}

// What the caller does to its slice afterwards doesn't reach the event.
func TestLineItemsAreCopied(t *testing.T) {
	t.Parallel()
	for _, history := range [][]invoice.Command{{}, {draft()}} {
		given, mine := given(t, history...), lines()
		var command invoice.Command = invoice.Update{DueDate: day("2021-01-31"), LineItems: mine}
		if len(history) == 0 {
			command = drafting(func(d *invoice.Draft) { d.LineItems = mine })
		}
		events, err := invoice.Decide(given, command)
		require.NoError(t, err)
		mine[0].Quantity = 99
		require.Equal(t, 1, invoice.Evolve(given, events[0]).LineItems[0].Quantity)
	}
}

// A currency that is withdrawn after the draft doesn't keep it from being changed.
func TestDraftsInWithdrawnCurrenciesCanBeUpdated(t *testing.T) {
	t.Parallel()
	marks := []invoice.LineItem{{"Buch", of("9.80", "DEM"), 2}}
	state := given(t, drafting(func(d *invoice.Draft) {
		d.CurrencyCode, d.LineItems, d.DraftedOn, d.DueDate = "DEM", marks, day("2001-12-01"), day("2001-12-31")
	}))
	events, err := invoice.Decide(state, invoice.Update{DueDate: day("2021-12-31"), LineItems: marks})
	require.NoError(t, err)
	require.Equal(t, "DEM 19.60", invoice.Evolve(state, events[0]).SubTotal.String())
}
