package money

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/shopspring/decimal"
)

// amountShape leaves out what decimal would read too: exponents ("1e999999999" is a page of zeros), "+1", ".5" and "5.".
var amountShape = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

// Parse reads an amount such as "12.5" in a currency such as "EUR". Fewer decimals than the currency has are filled up; more
// are refused even where they are zeros. The error is a [*CurrencyError], an [*AmountError] or a [*DecimalsError], or wraps
// [ErrTooLarge].
func Parse(amount, currencyCode string) (Money, error) {
	places, err := Decimals(currencyCode)
	if err != nil {
		return Money{}, err
	}
	if !amountShape.MatchString(amount) {
		return Money{}, &AmountError{Amount: amount}
	}
	integer, fraction, _ := strings.Cut(strings.TrimPrefix(amount, "-"), ".")
	if len(fraction) > int(places) {
		return Money{}, &DecimalsError{Amount: amount, CurrencyCode: currencyCode, Allowed: places}
	}
	if len(integer) > MaxIntegerDigits {
		return Money{}, fmt.Errorf("%s %.40s: %w", currencyCode, amount, ErrTooLarge)
	}
	number, err := decimal.NewFromString(amount + padding(amount, int(places)-len(fraction)))
	if err != nil {
		return Money{}, &AmountError{Amount: amount}
	}
	return Money{currency: currencyCode, amount: decimal.New(0, -places)}.with(number)
}

// padding is the zeros that fill amount up, after a decimal point where it has none.
func padding(amount string, zeros int) string {
	if zeros > 0 && !strings.Contains(amount, ".") {
		return "." + strings.Repeat("0", zeros)
	}
	return strings.Repeat("0", zeros)
}
