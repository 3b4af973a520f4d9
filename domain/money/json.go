package money

import (
	"encoding/json"
	"fmt"
)

type wire struct {
	Amount       string `json:"amount"`
	CurrencyCode string `json:"currency_code"`
}

// MarshalJSON writes {"amount":"0.99","currency_code":"USD"}. The zero value, which has no currency, is a [*CurrencyError].
func (m Money) MarshalJSON() ([]byte, error) {
	if m.currency == "" {
		return nil, &CurrencyError{}
	}
	text, err := json.Marshal(wire{Amount: m.Amount(), CurrencyCode: m.currency})
	if err != nil {
		return nil, fmt.Errorf("money: %w", err)
	}
	return text, nil
}

// UnmarshalJSON reads what MarshalJSON writes. A number in place of the string is an [*AmountError]; other errors are those of
// [Parse].
func (m *Money) UnmarshalJSON(text []byte) error {
	var raw struct {
		Amount       json.RawMessage `json:"amount"`
		CurrencyCode string          `json:"currency_code"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return fmt.Errorf("money: %w", err)
	}
	var amount string
	if json.Unmarshal(raw.Amount, &amount) != nil { // absent, a number, an object …
		return &AmountError{Amount: string(raw.Amount)}
	}
	parsed, err := Parse(amount, raw.CurrencyCode)
	if err == nil {
		*m = parsed
	}
	return err
}
