package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/contrail-events/contrail/domain/money"
)

// Amount is money on the wire.
type Amount struct {
	Amount       Decimal `json:"amount"`
	CurrencyCode string  `json:"currency_code" doc:"ISO 4217, in capitals." example:"EUR"`
}

func showAmount(m money.Money) Amount { return Amount{Decimal(m.Amount()), m.CurrencyCode()} }

// Decimal is a number as it is written, which no float ever was.
type Decimal string

// UnmarshalJSON takes a string, and of a number the digits as they stand.
func (d *Decimal) UnmarshalJSON(text []byte) error {
	if !bytes.HasPrefix(text, []byte(`"`)) {
		*d = Decimal(text)
		return nil
	}
	var read string
	if err := json.Unmarshal(text, &read); err != nil {
		return fmt.Errorf("read an amount: %w", err)
	}
	*d = Decimal(read)
	return nil
}

// Schema is a string or a number.
func (Decimal) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		AnyOf:       []*huma.Schema{{Type: huma.TypeString}, {Type: huma.TypeNumber}},
		Description: "With at most the currency's own number of decimals; a string. A number is taken as it is written.", Examples: []any{"12.50"},
	}
}

// Quantity is a whole number.
type Quantity int

// UnmarshalJSON takes also 3.0 and 3e2, which are whole. What no int can hold becomes 0, which is out of range as well.
func (q *Quantity) UnmarshalJSON(text []byte) error {
	digits := string(text)
	if bytes.ContainsAny(text, "eE") {
		read, _ := strconv.ParseFloat(digits, 64) // far more than a quantity may be is exact
		digits = strconv.FormatFloat(read, 'f', -1, 64)
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	if strings.Trim(fraction, "0") != "" {
		whole = ""
	}
	read, err := strconv.Atoi(whole)
	if err != nil {
		read = 0
	}
	*q = Quantity(read)
	return nil
}

// Schema is an integer.
func (Quantity) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: huma.TypeInteger} }
