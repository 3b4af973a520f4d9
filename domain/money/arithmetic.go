package money

import (
	"fmt"

	"github.com/shopspring/decimal"
)

// Add returns the sum. The error is a [*MismatchError] when the currencies differ, and wraps [ErrTooLarge] when the sum is too
// large.
func (m Money) Add(other Money) (Money, error) {
	if m.currency != other.currency {
		return Money{}, &MismatchError{Left: m.currency, Right: other.currency}
	}
	return m.with(m.amount.Add(other.amount))
}

// Mul returns m n times. The error wraps [ErrTooLarge].
func (m Money) Mul(n int) (Money, error) {
	return m.with(m.amount.Mul(decimal.NewFromInt(int64(n))))
}

// with returns an amount in m's currency. Neither sums nor products with integers have more decimals than m has.
func (m Money) with(amount decimal.Decimal) (Money, error) {
	if amount.Abs().Cmp(decimal.New(1, MaxIntegerDigits)) >= 0 {
		return Money{}, fmt.Errorf("%s %s: %w", m.currency, amount, ErrTooLarge)
	}
	if amount.IsZero() { // one representation for nothing, so that structs which hold money can be compared deeply
		amount = decimal.New(0, m.amount.Exponent())
	}
	return Money{amount: amount, currency: m.currency}, nil
}
