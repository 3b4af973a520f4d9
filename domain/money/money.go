package money

import "github.com/shopspring/decimal"

// MaxIntegerDigits is how many digits an amount may have before its decimal point.
const MaxIntegerDigits = 15

// Money is an immutable amount in a currency. The zero value has no currency: it is what a forgotten field holds, is equal only
// to itself and can't be marshalled. Compare with [Money.Equal], not with ==.
type Money struct {
	amount   decimal.Decimal // its exponent is always minus the currency's decimals
	currency string
}

// Zero is nothing, in a currency. The error is a [*CurrencyError].
func Zero(currencyCode string) (Money, error) {
	places, err := Decimals(currencyCode)
	if err != nil {
		return Money{}, err
	}
	return Money{amount: decimal.New(0, -places), currency: currencyCode}, nil
}

// Amount is the number alone with all of the currency's decimals, as in "0.90" for USD or "90" for JPY.
func (m Money) Amount() string { return m.amount.StringFixed(-m.amount.Exponent()) }

// CurrencyCode is the ISO 4217 code, or "" for the zero value.
func (m Money) CurrencyCode() string { return m.currency }

// String is the currency and the amount, as in "USD 0.90"; the zero value is "".
func (m Money) String() string {
	if m.currency == "" {
		return ""
	}
	return m.currency + " " + m.Amount()
}

// Equal tells whether both are the same amount in the same currency.
func (m Money) Equal(other Money) bool {
	return m.currency == other.currency && m.amount.Equal(other.amount)
}

// IsZero tells whether the amount is nothing, in whatever currency or none.
func (m Money) IsZero() bool { return m.amount.IsZero() }

// IsNegative tells whether the amount is below zero.
func (m Money) IsNegative() bool { return m.amount.IsNegative() }
