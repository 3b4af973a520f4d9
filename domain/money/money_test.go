package money_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/internal/domaintest"
)

func parse(t *testing.T, amount, code string) money.Money {
	t.Helper()
	m, err := money.Parse(amount, code)
	require.NoError(t, err)
	return m
}

func TestParseAndString(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ amount, code, want string }{
		{"0.99", "USD", "USD 0.99"},
		{"1", "USD", "USD 1.00"},
		{"1.9", "USD", "USD 1.90"},
		{"-12.5", "EUR", "EUR -12.50"},
		{"-0", "EUR", "EUR 0.00"},
		{"100", "JPY", "JPY 100"},
		{"1.005", "KWD", "KWD 1.005"},
		{"1.5", "COP", "COP 1.50"},      // CLDR would have no decimals
		{"10.505", "IQD", "IQD 10.505"}, // likewise
		{"1.2345", "CLF", "CLF 1.2345"}, // a unit of account
		{"7.25", "SLE", "SLE 7.25"},     // younger than x/text's data
		{"7.25", "DEM", "DEM 7.25"},     // withdrawn, but old events hold it
		{"999999999999999.99", "USD", "USD 999999999999999.99"},
	} {
		m, err := money.Parse(test.amount, test.code)
		require.NoError(t, err, test.want)
		require.Equal(t, test.want, m.String())
		require.Equal(t, test.code, m.CurrencyCode())
		require.Equal(t, test.want, m.CurrencyCode()+" "+m.Amount())
	}
}

func TestParseRefusesCurrencies(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"", "usd", "Usd", "US", "USDX", "ABC", "XXX", "XTS", "XAU", "XDR", "€", "U\x00D"} {
		_, err := money.Parse("1", code)
		var unknown *money.CurrencyError
		require.ErrorAs(t, err, &unknown, code)
		require.Equal(t, code, unknown.Code)
		require.ErrorContains(t, err, "ISO 4217")
	}
}

func TestParseRefusesAmounts(t *testing.T) {
	t.Parallel()
	for _, amount := range []string{
		"", " ", "-", "1.", ".5", "+1", "1e2", "1E999999999", "0x1", "1,5", "1 000", "01", "1_000", "NaN", "Inf", "١", "1.5.0", "--1", "1\n",
	} {
		_, err := money.Parse(amount, "USD")
		var malformed *money.AmountError
		require.ErrorAs(t, err, &malformed, amount)
	}
}

func TestParseRefusesTooManyDecimals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		amount, code string
		allowed      int32
	}{{"1.999", "USD", 2}, {"1.990", "USD", 2}, {"1.0", "JPY", 0}, {"1.0001", "KWD", 3}} {
		_, err := money.Parse(test.amount, test.code)
		var decimals *money.DecimalsError
		require.ErrorAs(t, err, &decimals)
		require.Equal(t, money.DecimalsError{Amount: test.amount, CurrencyCode: test.code, Allowed: test.allowed}, *decimals)
	}
	_, err := money.Parse("1.999", "USD")
	require.EqualError(t, err, `amount "1.999" has too many decimals: USD has 2; round it first`)
}

func TestParseRefusesTooLarge(t *testing.T) {
	t.Parallel()
	for _, amount := range []string{"1000000000000000", "-1000000000000000.00", strings.Repeat("9", 1_000_000)} {
		_, err := money.Parse(amount, "USD")
		require.ErrorIs(t, err, money.ErrTooLarge)
		require.Less(t, len(err.Error()), 200)
	}
}

func TestAdd(t *testing.T) {
	t.Parallel()
	sum, err := parse(t, "0.10", "USD").Add(parse(t, "0.20", "USD"))
	require.NoError(t, err)
	require.True(t, sum.Equal(parse(t, "0.30", "USD")), "a float would say 0.30000000000000004")

	_, err = parse(t, "1", "USD").Add(parse(t, "1", "EUR"))
	var mismatch *money.MismatchError
	require.ErrorAs(t, err, &mismatch)
	require.Equal(t, money.MismatchError{Left: "USD", Right: "EUR"}, *mismatch)
	_, err = parse(t, "1", "USD").Add(money.Money{})
	require.ErrorContains(t, err, "USD and money without a currency")

	_, err = parse(t, "999999999999999.99", "USD").Add(parse(t, "0.01", "USD"))
	require.ErrorIs(t, err, money.ErrTooLarge)
}

func TestMul(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		amount, code string
		n            int
		want         string
	}{{"0.99", "USD", 2, "USD 1.98"}, {"0.99", "USD", 0, "USD 0.00"}, {"3", "JPY", -4, "JPY -12"}, {"0.005", "KWD", 3, "KWD 0.015"}} {
		product, err := parse(t, test.amount, test.code).Mul(test.n)
		require.NoError(t, err)
		require.Equal(t, test.want, product.String())
	}
	_, err := parse(t, "0.01", "USD").Mul(math.MaxInt)
	require.ErrorIs(t, err, money.ErrTooLarge)
}

func TestEqualAndZero(t *testing.T) {
	t.Parallel()
	require.True(t, parse(t, "1", "USD").Equal(parse(t, "1.00", "USD")))
	require.False(t, parse(t, "1", "USD").Equal(parse(t, "1.01", "USD")))
	require.False(t, parse(t, "1", "USD").Equal(parse(t, "1", "EUR")))
	require.False(t, parse(t, "0", "USD").Equal(money.Money{}))
	require.True(t, parse(t, "-0.00", "USD").IsZero())
	require.False(t, parse(t, "-0.00", "USD").IsNegative())
	require.True(t, parse(t, "-0.01", "USD").IsNegative())

	zero, err := money.Zero("KWD")
	require.NoError(t, err)
	require.Equal(t, "KWD 0.000", zero.String())
	difference, err := parse(t, "1.5", "KWD").Add(parse(t, "-1.5", "KWD"))
	require.NoError(t, err)
	require.Equal(t, zero, difference, "structs that hold money are compared deeply")
	_, err = money.Zero("nix")
	require.Error(t, err)
	require.Empty(t, money.Money{}.String())
}

func TestCheckInUse(t *testing.T) {
	t.Parallel()
	today := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, code := range []string{"USD", "EUR", "JPY", "KWD", "XOF", "XCD", "CLF", "VES", "MRU", "STN", "XCG", "SLE"} {
		require.NoError(t, money.CheckInUse(code, today), code)
	}
	for _, code := range []string{"DEM", "FRF", "ITL", "CNH", "HRK", "BGN", "ANG", "VEF", "SLL", "CUC", "MRO", "STD", "ZWL"} {
		_, err := money.Parse("1", code)
		require.NoError(t, err, "what was written in it stays readable")
		var unused *money.CurrencyError
		require.ErrorAs(t, money.CheckInUse(code, today), &unused, code)
		require.Equal(t, money.CurrencyError{Code: code, NotInUse: true}, *unused)
	}
	for _, code := range []string{"", "XXX", "XAU", "usd", "US", "ABC"} {
		var unknown *money.CurrencyError
		require.ErrorAs(t, money.CheckInUse(code, today), &unknown, code)
		require.Equal(t, money.CurrencyError{Code: code}, *unknown)
	}
	require.EqualError(t, money.CheckInUse("DEM", today), `currency "DEM" is not in use on that day: give the one that took its place, such as EUR`)
}

// What was money on the day is accepted, whatever became of it.
func TestCheckInUseOnADay(t *testing.T) {
	t.Parallel()
	on := func(year int, month time.Month, day int) time.Time {
		return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	}
	for _, test := range []struct {
		code       string
		last, gone time.Time
	}{
		{"DEM", on(2001, 12, 31), on(2003, 1, 1)},
		{"HRK", on(2023, 1, 14).Add(23 * time.Hour), on(2023, 1, 15)},
		{"BGN", on(2026, 1, 31), on(2026, 2, 1)},
		{"MRO", on(2018, 12, 31), on(2019, 1, 1)},
	} {
		require.NoError(t, money.CheckInUse(test.code, test.last), test.code)
		require.Error(t, money.CheckInUse(test.code, test.gone), test.code)
	}
	require.NoError(t, money.CheckInUse("EUR", time.Time{}), "a beginning is none of its business")
	require.Error(t, money.CheckInUse("CNH", time.Time{}), "never legal tender")
}

// Each error that the package declares comes back from somewhere, and says what to do.
func TestEveryErrorComesBack(t *testing.T) {
	t.Parallel()
	_, unknown := money.Parse("1", "ABC")
	_, malformed := money.Parse("1e3", "USD")
	_, decimals := money.Parse("1.00", "JPY")
	_, large := parse(t, "999999999999999.99", "USD").Mul(1_000_000_000)
	_, mismatch := parse(t, "1", "USD").Add(parse(t, "1", "EUR"))
	require.ErrorIs(t, large, money.ErrTooLarge)
	require.EqualError(t, decimals, `amount "1.00" has too many decimals: JPY has 0; round it first`)
	for _, err := range []error{unknown, malformed, decimals, large, mismatch} {
		require.Regexp(t, "[:;] .+", err.Error())
	}
	known := []error{unknown, malformed, decimals, mismatch, money.ErrTooLarge}
	domaintest.RequireEvery(t, known, domaintest.Declared(t, "*.go"))
}

func TestJSON(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(parse(t, "0.9", "USD"))
	require.NoError(t, err)
	require.Equal(t, `{"amount":"0.90","currency_code":"USD"}`, string(text)) //nolint:testifylint // encoded-compare: the bytes count

	var back money.Money
	require.NoError(t, json.Unmarshal(text, &back))
	require.True(t, back.Equal(parse(t, "0.90", "USD")))

	_, err = json.Marshal(money.Money{})
	var unknown *money.CurrencyError
	require.ErrorAs(t, err, &unknown)
}

func TestJSONRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"amount":0.99,"currency_code":"USD"}`, `{"amount":1,"currency_code":"USD"}`, `{"currency_code":"USD"}`,
		`{"amount":null,"currency_code":"JPY"}`, `{"amount":["1"],"currency_code":"USD"}`, `null`, `{}`,
	} {
		m := parse(t, "7", "USD")
		var malformed *money.AmountError
		require.ErrorAs(t, json.Unmarshal([]byte(text), &m), &malformed, text)
		require.Equal(t, "USD 7.00", m.String(), "what is refused changes nothing")
	}
	for _, text := range []string{`"0.99"`, `[]`, `{"amount":"1","currency_code":978}`, `{"amount":"1.999","currency_code":"USD"}`, `{"amount":"1"}`} {
		var m money.Money
		require.Error(t, json.Unmarshal([]byte(text), &m), text)
	}
}
