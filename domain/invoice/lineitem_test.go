package invoice_test

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/domain/rule"
)

func TestLineItemRefusesBadJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"description":"x","unit_amount_amount":0.99,"unit_amount_currency_code":"USD","quantity":1}`,
		`{"description":"x","unit_amount_amount":"0.999","unit_amount_currency_code":"USD","quantity":1}`,
		`{"description":"x","unit_amount_amount":"1.00","unit_amount_currency_code":"JPY","quantity":1}`,
		`{"description":"x","unit_amount_amount":"0.99","unit_amount_currency_code":"USD","quantity":1.5}`,
		`{"description":"x","unit_amount_amount":"0.99","unit_amount_currency_code":"USD","quantity":"1"}`,
		`{"description":"x","unit_amount_amount":"0.99","unit_amount_currency_code":"USD","quantity":9223372036854775808}`,
		`{"description":"x","unit_amount_amount":"1000000000000000","unit_amount_currency_code":"USD","quantity":1}`,
		`{"description":1,"unit_amount_amount":"0.99","unit_amount_currency_code":"USD","quantity":1}`,
		`{}`, `null`, `[]`,
	} {
		line := lines()[0]
		require.Error(t, json.Unmarshal([]byte(text), &line), text)
		require.Equal(t, lines()[0], line, "what is refused changes nothing")
	}
}

// Nothing that is below nothing comes of it.
func TestMinusZeroIsZero(t *testing.T) {
	t.Parallel()
	events, err := invoice.Decide(invoice.State{}, drafting(func(d *invoice.Draft) {
		d.LineItems = []invoice.LineItem{{"Gift", usd("-0.00"), 3}}
	}))
	require.NoError(t, err)
	text, err := json.Marshal(events[0])
	require.NoError(t, err)
	require.NotContains(t, string(text), `"-`)
}

// The largest sum that there may be is reached digit by digit, and one cent more is refused.
func TestSubTotalUpToItsLimit(t *testing.T) {
	t.Parallel()
	const largest = "999999999999999.99"
	third := slices.Repeat([]invoice.LineItem{{"x", usd("3333333333333.33"), 1}}, invoice.MaxLineItems-1)
	rest := invoice.LineItem{"rest", usd("3333333333334.32"), 1}
	total, err := invoice.SubTotal("USD", append(third, rest))
	require.NoError(t, err)
	require.Equal(t, "USD "+largest, total.String())

	rest.UnitAmount = usd("3333333333334.33")
	_, err = invoice.SubTotal("USD", append(third, rest))
	require.ErrorIs(t, err, money.ErrTooLarge)
	_, err = invoice.SubTotal("USD", []invoice.LineItem{{"x", of("1", "EUR"), 1}})
	var mismatch *money.MismatchError
	require.ErrorAs(t, err, &mismatch)
	_, err = invoice.SubTotal("ABC", nil)
	var unknown *money.CurrencyError
	require.ErrorAs(t, err, &unknown)
}

// FuzzLineItems: lines that can be read can be written and read again, and make a draft that is refused by a rule or adds up.
func FuzzLineItems(f *testing.F) {
	for _, seed := range []string{
		`[{"description":"x","unit_amount_amount":"0.99","unit_amount_currency_code":"USD","quantity":3}]`,
		`[{"description":"x","unit_amount_amount":"-0","unit_amount_currency_code":"JPY","quantity":1000000001},{"description":"\u0000"}]`,
		`[{"description":"<&\u2028>","unit_amount_amount":"999999999999999.999","unit_amount_currency_code":"KWD","quantity":1}]`, `[]`, `null`, `[{}]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var read []invoice.LineItem
		if json.Unmarshal(text, &read) != nil {
			return
		}
		written, err := json.Marshal(read)
		require.NoError(t, err)
		var back []invoice.LineItem
		require.NoError(t, json.Unmarshal(written, &back))
		require.Equal(t, read, back)
		events, err := invoice.Decide(invoice.State{}, drafting(func(d *invoice.Draft) {
			d.LineItems = read
			if len(read) > 0 {
				d.CurrencyCode = read[0].UnitAmount.CurrencyCode()
			}
		}))
		if err != nil {
			require.ErrorIs(t, err, rule.ErrInvalid)
			return
		}
		requireSum(t, invoice.Evolve(invoice.State{}, events[0]))
	})
}

// requireSum adds up in whole minor units.
func requireSum(t *testing.T, state invoice.State) {
	t.Helper()
	sum := new(big.Int)
	for _, line := range state.LineItems {
		sum.Add(sum, new(big.Int).Mul(minor(t, line.UnitAmount), big.NewInt(int64(line.Quantity))))
	}
	require.Zero(t, sum.Cmp(minor(t, state.SubTotal)), "%s for %v", state.SubTotal, state.LineItems)
}

func minor(t *testing.T, amount money.Money) *big.Int {
	t.Helper()
	units, ok := new(big.Int).SetString(strings.ReplaceAll(amount.Amount(), ".", ""), 10)
	require.True(t, ok)
	return units
}
