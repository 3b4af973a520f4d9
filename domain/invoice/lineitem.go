package invoice

import (
	"encoding/json"
	"fmt"

	"github.com/contrail-events/contrail/domain/money"
)

// What one invoice may hold. 300 lines of the longest descriptions, each character escaped, make an event that stays below the
// event store's default limit of 512 KiB.
const (
	MaxLineItems         = 300
	MaxDescriptionLength = 250 // characters
	MaxQuantity          = 1_000_000_000
)

// LineItem is one line of an invoice.
type LineItem struct {
	Description string      // 1 to MaxDescriptionLength characters
	UnitAmount  money.Money // in the invoice's currency, zero or more
	Quantity    int         // 1 to MaxQuantity
}

type wireLineItem struct {
	Description            string `json:"description"`
	UnitAmountAmount       string `json:"unit_amount_amount"`
	UnitAmountCurrencyCode string `json:"unit_amount_currency_code"`
	Quantity               int    `json:"quantity"`
}

// MarshalJSON writes the unit amount flat, as unit_amount_amount and unit_amount_currency_code.
func (l LineItem) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(wireLineItem{l.Description, l.UnitAmount.Amount(), l.UnitAmount.CurrencyCode(), l.Quantity})
	if err != nil {
		return nil, fmt.Errorf("line item: %w", err)
	}
	return text, nil
}

// UnmarshalJSON reads what MarshalJSON writes. Errors are those of [money.Parse] and of encoding/json.
func (l *LineItem) UnmarshalJSON(text []byte) error {
	var wire wireLineItem
	if err := json.Unmarshal(text, &wire); err != nil {
		return fmt.Errorf("line item: %w", err)
	}
	amount, err := money.Parse(wire.UnitAmountAmount, wire.UnitAmountCurrencyCode)
	if err != nil {
		return fmt.Errorf("line item %.40q: %w", wire.Description, err)
	}
	*l = LineItem{Description: wire.Description, UnitAmount: amount, Quantity: wire.Quantity}
	return nil
}

// Total is the unit amount times the quantity. The error wraps [money.ErrTooLarge].
func (l LineItem) Total() (money.Money, error) { return l.UnitAmount.Mul(l.Quantity) }

// SubTotal is the sum of all lines' totals. The error is a [*money.CurrencyError] or a [*money.MismatchError], or wraps
// [money.ErrTooLarge].
func SubTotal(currencyCode string, lines []LineItem) (money.Money, error) {
	sum, err := money.Zero(currencyCode)
	for _, line := range lines {
		if err != nil {
			break
		}
		var total money.Money
		if total, err = line.Total(); err == nil {
			sum, err = sum.Add(total)
		}
	}
	return sum, err
}
