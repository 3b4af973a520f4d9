package invoicing

import (
	"encoding/json"
	"fmt"

	"github.com/shopspring/decimal"

	"github.com/contrail-events/contrail/domain/money"
)

// Total is an exact sum of money, with all of its currency's decimals. It is as large as it gets: the bound of [money.Money] is one for an invoice, and
// not for all of them together. The zero value has no currency. Its JSON form is that of money.
type Total struct {
	amount   decimal.Decimal
	currency string
	decimals int32
}

// parseTotal reads what PostgreSQL's numeric is as a text.
func parseTotal(amount, currencyCode string) (Total, error) {
	decimals, err := money.Decimals(currencyCode)
	if err != nil {
		return Total{}, err
	}
	number, err := decimal.NewFromString(amount)
	if err != nil {
		return Total{}, fmt.Errorf("total in %s: %w", currencyCode, err)
	}
	return Total{number, currencyCode, decimals}, nil
}

// plus is the sum of two of one currency; the other may be the zero value.
func (t Total) plus(other Total) Total {
	t.amount = t.amount.Add(other.amount)
	return t
}

// Amount is the number alone with all of the currency's decimals, as in "0.90" for USD or "90" for JPY.
func (t Total) Amount() string { return t.amount.StringFixed(t.decimals) }

// CurrencyCode is the ISO 4217 code, or "" for the zero value.
func (t Total) CurrencyCode() string { return t.currency }

// IsZero tells whether the amount is nothing, in whatever currency or none.
func (t Total) IsZero() bool { return t.amount.IsZero() }

// IsNegative tells whether the amount is below zero.
func (t Total) IsNegative() bool { return t.amount.IsNegative() }

// String is the currency and the amount, as in "USD 0.90"; the zero value is "".
func (t Total) String() string {
	if t.currency == "" {
		return ""
	}
	return t.currency + " " + t.Amount()
}

// wireTotal is the JSON form.
type wireTotal struct {
	Amount       string `json:"amount"`
	CurrencyCode string `json:"currency_code"`
}

// MarshalJSON writes {"amount":"0.90","currency_code":"USD"}.
func (t Total) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(wireTotal{t.Amount(), t.currency})
	if err != nil {
		return nil, fmt.Errorf("total: %w", err)
	}
	return text, nil
}

// UnmarshalJSON reads what MarshalJSON writes. Errors are those of [money.Decimals] and of encoding/json.
func (t *Total) UnmarshalJSON(text []byte) error {
	var wire wireTotal
	err := json.Unmarshal(text, &wire)
	if err == nil {
		*t, err = parseTotal(wire.Amount, wire.CurrencyCode)
	}
	if err != nil {
		return fmt.Errorf("total: %w", err)
	}
	return nil
}
