package money

import (
	"errors"
	"fmt"
)

// ErrTooLarge says that an amount has more than [MaxIntegerDigits] digits before its decimal point.
var ErrTooLarge = errors.New("is too large: at most 15 digits before the decimal point; split it")

// CurrencyError says that a code is none of ISO 4217's, or none that has decimals, or no longer one to write invoices in.
type CurrencyError struct {
	Code     string
	NotInUse bool // it is known, and amounts in it are read, but it is withdrawn or no legal tender
}

// Error says what a code looks like.
func (e *CurrencyError) Error() string {
	if e.NotInUse {
		return fmt.Sprintf("currency %.20q is not in use on that day: give the one that took its place, such as EUR", e.Code)
	}
	return fmt.Sprintf("currency %.20q is unknown: give an ISO 4217 code in capitals, such as EUR", e.Code)
}

// AmountError says that a text is no plain decimal number.
type AmountError struct{ Amount string }

// Error says what an amount looks like.
func (e *AmountError) Error() string {
	return fmt.Sprintf(`amount %.40q is no decimal number: write digits in a string, such as "12.50"`, e.Amount)
}

// DecimalsError says that an amount is written with more decimals than its currency has.
type DecimalsError struct {
	Amount       string
	CurrencyCode string
	Allowed      int32 // the currency's own number of decimals
}

// Error says how many decimals there may be.
func (e *DecimalsError) Error() string {
	return fmt.Sprintf("amount %.40q has too many decimals: %s has %d; round it first", e.Amount, e.CurrencyCode, e.Allowed)
}

// MismatchError says that two amounts are in different currencies.
type MismatchError struct{ Left, Right string }

// Error names both currencies.
func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s and %s don't add up: convert one of them first", orNone(e.Left), orNone(e.Right))
}

func orNone(code string) string {
	if code == "" {
		return "money without a currency"
	}
	return code
}
