package invoice_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/domain/rule"
)

// fault breaks one rule of a draft that is good otherwise.
type fault struct {
	name, field string
	change      func(*invoice.Draft)
	rule        error
}

// faultsOfLines are refused in a draft and in an update of one.
func faultsOfLines() (rows []row) {
	long := strings.Repeat("ü", invoice.MaxDescriptionLength+1)
	for _, fault := range []fault{
		{"no due date", "due_date", func(d *invoice.Draft) { d.DueDate = invoice.Date{} }, invoice.ErrDate},
		{"due the day before", "due_date", func(d *invoice.Draft) { d.DueDate = day("2020-12-31") }, invoice.ErrDueBeforeDraft},
		{"no lines", "line_items", func(d *invoice.Draft) { d.LineItems = nil }, invoice.ErrNoLineItems},
		{"301 lines", "line_items", func(d *invoice.Draft) { d.LineItems = slices.Repeat(d.LineItems[:1], 301) }, invoice.ErrManyLineItems},
		{"blank description", "line_items[1].description", func(d *invoice.Draft) { d.LineItems[1].Description = "\u2800\u200b" }, rule.ErrBlank},
		{"description of 251 characters", "line_items[0].description", func(d *invoice.Draft) { d.LineItems[0].Description = long }, rule.ErrTooLong},
		{"tab in the description", "line_items[0].description", func(d *invoice.Draft) { d.LineItems[0].Description = "a\tb" }, rule.ErrUnprintable},
		{"description that is no UTF-8", "line_items[0].description", func(d *invoice.Draft) { d.LineItems[0].Description = "a\xff" }, rule.ErrUnprintable},
		{"quantity zero", "line_items[0].quantity", func(d *invoice.Draft) { d.LineItems[0].Quantity = 0 }, invoice.ErrQuantity},
		{"quantity below zero", "line_items[1].quantity", func(d *invoice.Draft) { d.LineItems[1].Quantity = -1 }, invoice.ErrQuantity},
		{"quantity beyond reason", "line_items[1].quantity", func(d *invoice.Draft) { d.LineItems[1].Quantity = invoice.MaxQuantity + 1 }, invoice.ErrQuantity},
		{"amount below zero", "line_items[0].unit_amount", func(d *invoice.Draft) { d.LineItems[0].UnitAmount = usd("-0.01") }, invoice.ErrNegativeAmount},
		{"line in another currency", "line_items[1].unit_amount", func(d *invoice.Draft) { d.LineItems[1].UnitAmount = of("1", "EUR") }, invoice.ErrLineCurrency},
		{"line without an amount", "line_items[1].unit_amount", func(d *invoice.Draft) { d.LineItems[1].UnitAmount = money.Money{} }, invoice.ErrLineCurrency},
		{"one line too large", "sub_total", func(d *invoice.Draft) {
			d.LineItems[0].UnitAmount, d.LineItems[0].Quantity = usd("999999999999999.99"), invoice.MaxQuantity
		}, money.ErrTooLarge},
		{"all lines together too large", "sub_total", func(d *invoice.Draft) {
			d.LineItems = slices.Repeat([]invoice.LineItem{{"x", usd("3333333333333.34"), 1}}, invoice.MaxLineItems)
		}, money.ErrTooLarge},
	} {
		bad := drafting(fault.change)
		rows = append(
			rows,
			row{Name: fault.name + ", in a draft", When: bad, Rule: fault.rule, Field: fault.field},
			row{
				Name: fault.name + ", in an update", Given: history("a draft"),
				When: invoice.Update{DueDate: bad.DueDate, LineItems: bad.LineItems}, Rule: fault.rule, Field: fault.field,
			},
		)
	}
	return rows
}

// faultsOfHeads are of what only a draft says, or only another command.
func faultsOfHeads() (rows []row) {
	for _, fault := range []fault{
		{"no id", "id", func(d *invoice.Draft) { d.ID = "" }, rule.ErrBlank},
		{"id of 101 characters", "id", func(d *invoice.Draft) { d.ID = strings.Repeat("x", 101) }, rule.ErrTooLong},
		{"no organisation", "organisation_id", func(d *invoice.Draft) { d.OrganisationID = "" }, rule.ErrBlank},
		{"no contact", "contact_id", func(d *invoice.Draft) { d.ContactID = "" }, rule.ErrBlank},
		{"reference on two lines", "reference", func(d *invoice.Draft) { d.Reference = "a\nb" }, rule.ErrUnprintable},
		{"drafted tomorrow", "drafted_on", func(d *invoice.Draft) { d.DraftedOn = day("2021-01-02") }, invoice.ErrDraftedInFuture},
		{"due before an earlier day of the draft", "due_date", func(d *invoice.Draft) {
			d.DraftedOn, d.DueDate = day("2009-01-02"), day("2009-01-01")
		}, invoice.ErrDueBeforeDraft},
		{"no time", "at", func(d *invoice.Draft) { d.At = time.Time{} }, rule.ErrNoTime},
		{"a time after all years", "at", func(d *invoice.Draft) { d.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, rule.ErrNoTime},
		{"withdrawn currency", "currency_code", inCurrency("DEM"), &money.CurrencyError{Code: "DEM", NotInUse: true}},
		{"currency withdrawn of late", "currency_code", inCurrency("MRO"), &money.CurrencyError{Code: "MRO", NotInUse: true}},
	} {
		rows = append(rows, row{Name: fault.name, When: drafting(fault.change), Rule: fault.rule, Field: fault.field})
	}
	return append(
		rows,
		row{
			Name: "blank contact, in an update", Given: history("a draft"), When: invoice.Update{ContactID: " ", DueDate: day("2021-01-31"), LineItems: lines()},
			Rule: rule.ErrBlank, Field: "contact_id",
		},
		row{Name: "issue without a time", Given: history("a draft"), When: invoice.Issue{}, Rule: rule.ErrNoTime, Field: "at"},
		row{Name: "pay without a time", Given: history("an issued one"), When: invoice.Pay{}, Rule: rule.ErrNoTime, Field: "at"},
		row{Name: "delete without a time", Given: history("a paid one"), When: invoice.Delete{}, Rule: rule.ErrNoTime, Field: "at"},
	)
}

func inCurrency(code string) func(*invoice.Draft) {
	return func(d *invoice.Draft) {
		d.CurrencyCode, d.LineItems = code, []invoice.LineItem{{"x", of("1", code), 1}}
	}
}

// What is no currency at all is none of the lines' either, since an amount must have one.
func TestDraftRefusesCurrencies(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"", "usd", "ABC", "XXX", "€"} {
		_, err := invoice.Decide(invoice.State{}, drafting(func(d *invoice.Draft) { d.CurrencyCode = code }))
		var unknown *money.CurrencyError
		require.ErrorAs(t, err, &unknown)
		require.Equal(t, money.CurrencyError{Code: code}, *unknown)
		require.ErrorContains(t, err, "; line_items[0].unit_amount is not in the invoice's currency")
	}
}

func TestEveryFaultAtOnce(t *testing.T) {
	t.Parallel()
	command := draft()
	command.DueDate = day("2020-12-31")
	command.LineItems[0].Quantity = 0
	command.LineItems[1] = invoice.LineItem{UnitAmount: of("1", "EUR"), Quantity: 1}
	_, err := invoice.Decide(invoice.State{}, command)
	require.EqualError(t, err, "due_date lies before the day of the draft: give that day or a later one (2020-12-31, drafted on 2021-01-01); "+
		"line_items[0].quantity is out of range: give 1 to 1000000000; line_items[1].description is empty: fill it in; "+
		`line_items[1].unit_amount is not in the invoice's currency: convert it first ("EUR" on an invoice in "USD")`)
}

// The event store takes 512 KiB for data and metadata by default.
func TestLargestInvoiceFitsIntoAnEvent(t *testing.T) {
	t.Parallel()
	worst := invoice.LineItem{strings.Repeat("<", invoice.MaxDescriptionLength), usd("0.01"), invoice.MaxQuantity}
	events, err := invoice.Decide(invoice.State{}, drafting(func(d *invoice.Draft) {
		d.LineItems = slices.Repeat([]invoice.LineItem{worst}, invoice.MaxLineItems)
	}))
	require.NoError(t, err)
	text, err := json.Marshal(events[0])
	require.NoError(t, err)
	require.Less(t, len(text), 510<<10)
}
