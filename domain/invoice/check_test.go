package invoice_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/domain/rule"
)

// Each case breaks one rule of a draft that is good otherwise.
func TestDraftRefuses(t *testing.T) {
	t.Parallel()
	type change = func(*invoice.Draft)
	for _, test := range []struct {
		name, field string
		change      change
		rule        error
	}{
		{"no id", "id", func(d *invoice.Draft) { d.ID = "" }, rule.ErrBlank},
		{"no organisation", "organisation_id", func(d *invoice.Draft) { d.OrganisationID = "" }, rule.ErrBlank},
		{"no contact", "contact_id", func(d *invoice.Draft) { d.ContactID = "" }, rule.ErrBlank},
		{"no time", "at", func(d *invoice.Draft) { d.At = time.Time{} }, rule.ErrNoTime},
		{"no due date", "due_date", func(d *invoice.Draft) { d.DueDate = invoice.Date{} }, invoice.ErrDate},
		{"due yesterday", "due_date", func(d *invoice.Draft) { d.DueDate = day("2020-12-31") }, invoice.ErrDueBeforeDraft},
		{"no lines", "line_items", func(d *invoice.Draft) { d.LineItems = nil }, invoice.ErrNoLineItems},
		{"too many lines", "line_items", func(d *invoice.Draft) { d.LineItems = slices.Repeat(d.LineItems, 151) }, invoice.ErrManyLineItems},
		{"no description", "line_items[1].description", func(d *invoice.Draft) { d.LineItems[1].Description = " " }, rule.ErrBlank},
		{
			"long description", "line_items[0].description",
			func(d *invoice.Draft) { d.LineItems[0].Description = strings.Repeat("x", 251) }, rule.ErrTooLong,
		},
		{"quantity zero", "line_items[0].quantity", func(d *invoice.Draft) { d.LineItems[0].Quantity = 0 }, invoice.ErrQuantity},
		{"quantity below zero", "line_items[1].quantity", func(d *invoice.Draft) { d.LineItems[1].Quantity = -1 }, invoice.ErrQuantity},
		{"quantity beyond reason", "line_items[1].quantity", func(d *invoice.Draft) { d.LineItems[1].Quantity = 1e9 + 1 }, invoice.ErrQuantity},
		{"negative amount", "line_items[0].unit_amount", func(d *invoice.Draft) { d.LineItems[0].UnitAmount = usd("-0.01") }, invoice.ErrNegativeAmount},
		{"foreign line", "line_items[1].unit_amount", func(d *invoice.Draft) { d.LineItems[1].UnitAmount = of("1", "EUR") }, invoice.ErrLineCurrency},
		{"no amount", "line_items[1].unit_amount", func(d *invoice.Draft) { d.LineItems[1].UnitAmount = money.Money{} }, invoice.ErrLineCurrency},
		{"sum too large", "sub_total", func(d *invoice.Draft) {
			d.LineItems[0].UnitAmount, d.LineItems[0].Quantity = usd("999999999"), 1e9
		}, money.ErrTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			command := draft()
			test.change(&command)
			events, err := invoice.Decide(invoice.State{}, command)
			require.ErrorIs(t, err, test.rule)
			require.ErrorIs(t, err, rule.ErrInvalid)
			require.Empty(t, events)
			requireFields(t, err, test.field)
			requireUpdateRefuses(t, command, test.field)
		})
	}
}

// requireUpdateRefuses puts to a good draft what is wrong with a bad one, where an update has that field.
func requireUpdateRefuses(t *testing.T, bad invoice.Draft, field string) {
	t.Helper()
	if slices.Contains([]string{"id", "organisation_id", "contact_id", "at"}, field) {
		return
	}
	_, err := invoice.Decide(given(t, draft()), invoice.Update{DueDate: bad.DueDate, LineItems: bad.LineItems})
	requireFields(t, err, field)
}

func requireFields(t *testing.T, err error, fields ...string) {
	t.Helper()
	var faults rule.FieldErrors
	require.ErrorAs(t, err, &faults)
	found := make([]string, len(faults))
	for i, fault := range faults {
		found[i] = fault.Field
	}
	require.Equal(t, fields, found)
}

func TestDraftRefusesCurrencies(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"", "usd", "ABC", "XXX", "DEM"} {
		command := draft()
		command.CurrencyCode = code
		_, err := invoice.Decide(invoice.State{}, command)
		var unknown *money.CurrencyError
		require.ErrorAs(t, err, &unknown)
		requireFields(t, err, "currency_code", "line_items[0].unit_amount", "line_items[1].unit_amount")
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

// The day of the draft counts, not that of the update, and it is a day in UTC.
func TestDueDateAndTheDayOfTheDraft(t *testing.T) {
	t.Parallel()
	command := draft()
	command.At = time.Date(2021, 1, 1, 1, 0, 0, 0, time.FixedZone("east", 2*60*60))
	command.DueDate = day("2020-12-31")
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
	command := draft()
	state := given(t, command)
	command.LineItems[0].Quantity = 99
	require.Equal(t, 1, state.LineItems[0].Quantity)
}

// The event store takes 512 KiB for data and metadata by default.
func TestLargestInvoiceFitsIntoAnEvent(t *testing.T) {
	t.Parallel()
	command := draft()
	worst := invoice.LineItem{strings.Repeat("<", invoice.MaxDescriptionLength), usd("0.01"), invoice.MaxQuantity}
	command.LineItems = slices.Repeat([]invoice.LineItem{worst}, invoice.MaxLineItems)
	events, err := invoice.Decide(invoice.State{}, command)
	require.NoError(t, err)
	text, err := json.Marshal(events[0])
	require.NoError(t, err)
	require.Less(t, len(text), 510<<10)
}

func TestDate(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "2021-02-29", "2021-13-01", "2021-1-31", "31.01.2021", "2021-01-31T00:00:00Z", "10000-01-01"} {
		_, err := invoice.ParseDate(bad)
		require.ErrorIs(t, err, invoice.ErrDate, bad)
	}
	var date invoice.Date
	require.ErrorIs(t, json.Unmarshal([]byte(`"2021-02-30"`), &date), invoice.ErrDate)
	require.NoError(t, json.Unmarshal([]byte(`"2024-02-29"`), &date))
	require.Equal(t, "2024-02-29", fmt.Sprint(date))
	require.NoError(t, json.Unmarshal([]byte(`""`), &date))
	require.True(t, date.IsZero())
}

func TestLineItemRefusesBadJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"description":"x","unit_amount_amount":0.99,"unit_amount_currency_code":"USD","quantity":1}`,
		`{"description":"x","unit_amount_amount":"0.999","unit_amount_currency_code":"USD","quantity":1}`,
		`{"description":"x","unit_amount_amount":"0.99","unit_amount_currency_code":"USD","quantity":1.5}`,
		`{}`,
	} {
		var line invoice.LineItem
		require.Error(t, json.Unmarshal([]byte(text), &line), text)
	}
}
