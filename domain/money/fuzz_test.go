package money_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain/money"
)

// FuzzParse: what is accepted survives JSON and its own text, has the currency's decimals, and what is refused is refused by name.
func FuzzParse(f *testing.F) {
	for _, seed := range [][2]string{
		{"0.99", "USD"}, {"1.999", "USD"}, {"-0", "JPY"}, {"1.005", "KWD"}, {"1e9", "EUR"}, {"999999999999999.9999", "CLF"}, {"", ""}, {"1", "XXX"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, amount, code string) {
		m, err := money.Parse(amount, code)
		if err != nil {
			requireTyped(t, err)
			return
		}
		text, err := json.Marshal(m)
		require.NoError(t, err)
		var back money.Money
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, m, back)
		again, err := money.Parse(m.Amount(), m.CurrencyCode())
		require.NoError(t, err)
		require.Equal(t, m, again)
	})
}

func requireTyped(t *testing.T, err error) {
	t.Helper()
	switch err.(type) { //nolint:errorlint // Parse returns these three as they are; the fourth is wrapped
	case *money.CurrencyError, *money.AmountError, *money.DecimalsError:
	default:
		require.ErrorIs(t, err, money.ErrTooLarge)
	}
}
