package domaintest

import (
	"fmt"
	"math/big"
	"strings"

	"pgregory.net/rapid"

	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/domain/rule"
)

// currency is one with its number of decimals, as ISO 4217 has it.
type currency struct {
	code   string
	places int
	gone   bool // withdrawn
}

func currencies() []currency {
	return []currency{{"USD", 2, false}, {"USD", 2, false}, {"JPY", 0, false}, {"KWD", 3, false}, {"CLF", 4, false}, {"DEM", 2, true}}
}

// write is an amount in minor units as a decimal, without a decimal library.
func (c currency) write(units *big.Int) string {
	sign, digits := "", units.String()
	if units.Sign() < 0 {
		sign, digits = "-", digits[1:]
	}
	if c.places == 0 {
		return sign + digits
	}
	if short := c.places + 1 - len(digits); short > 0 {
		digits = strings.Repeat("0", short) + digits
	}
	return sign + digits[:len(digits)-c.places] + "." + digits[len(digits)-c.places:]
}

// limit is the first amount that is too large.
func (c currency) limit() *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(money.MaxIntegerDigits+c.places)), nil)
}

// line is what the model knows of a line item.
type line struct {
	description string
	currency    currency
	units       *big.Int // of the unit amount, in minor units
	quantity    int
}

func (l line) item() (item invoice.LineItem, err error) {
	item = invoice.LineItem{Description: l.description, Quantity: l.quantity}
	item.UnitAmount, err = money.Parse(l.currency.write(l.units), l.currency.code)
	return item, err
}

func (l line) text() string {
	return fmt.Sprintf("%s: %d x %s %s", l.description, l.quantity, l.currency.code, l.currency.write(l.units))
}

func lineTexts(lines []line) []string {
	texts := make([]string, len(lines))
	for i, line := range lines {
		texts[i] = line.text()
	}
	return texts
}

// drawLines draws lines for an invoice in a currency. Now and then one of them breaks a rule, or is as large as may be.
func drawLines(t *rapid.T, in currency) (lines []line) {
	for range rapid.SampledFrom([]int{1, 1, 1, 2, 2, 3, 4, 5, 0}).Draw(t, "lines") {
		drawn := line{currency: in, description: rapid.SampledFrom([]string{"work", "naïve <b>&", "Größe", "\u3164x"}).Draw(t, "description")}
		drawn.quantity = rapid.SampledFrom([]int{1, 2, 3, 7, 7, 12, 12, 1000, invoice.MaxQuantity}).Draw(t, "quantity")
		drawn.units = big.NewInt(rapid.OneOf(rapid.Int64Range(0, 100_000), rapid.Int64Range(0, 100_000), rapid.Int64Range(0, 1e12)).Draw(t, "units"))
		if oneIn(15, t, "extreme") {
			drawn = drawn.spoilt(t, rapid.SampledFrom([]string{"size", "quantity", "amount", "currency", "description"}).Draw(t, "fault"))
		}
		lines = append(lines, drawn)
	}
	return lines
}

// spoilt is the line with one thing about it that may not be, or only just.
func (l line) spoilt(t *rapid.T, what string) line {
	switch what {
	case "size":
		l.units = new(big.Int).Sub(l.currency.limit(), big.NewInt(1))
	case "quantity":
		l.quantity = rapid.SampledFrom([]int{0, -1, invoice.MaxQuantity + 1}).Draw(t, "bad quantity")
	case "amount":
		l.units = big.NewInt(rapid.Int64Range(-1000, -1).Draw(t, "bad units"))
	case "currency":
		l.currency = currency{code: "EUR", places: 2}
	case "description":
		l.description = rapid.SampledFrom([]string{"", " ", "a\nb", strings.Repeat("ü", 251)}).Draw(t, "bad description")
	}
	return l
}

// faultsOf are the rules that lines break on an invoice in a currency.
func faultsOf(lines []line, in currency) (found reasons) {
	if len(lines) == 0 {
		found = append(found, invoice.ErrNoLineItems)
	}
	for _, line := range lines {
		if line.quantity < 1 || line.quantity > invoice.MaxQuantity {
			found = append(found, invoice.ErrQuantity)
		}
		if line.units.Sign() < 0 {
			found = append(found, invoice.ErrNegativeAmount)
		}
		if line.currency != in {
			found = append(found, invoice.ErrLineCurrency)
		}
		if strings.TrimSpace(line.description) == "" {
			found = append(found, rule.ErrBlank)
		}
		if strings.Contains(line.description, "\n") {
			found = append(found, rule.ErrUnprintable)
		}
		if len([]rune(line.description)) > invoice.MaxDescriptionLength {
			found = append(found, rule.ErrTooLong)
		}
	}
	if sum(lines).Cmp(in.limit()) >= 0 {
		found = append(found, money.ErrTooLarge)
	}
	return found
}

func sum(lines []line) *big.Int {
	total := new(big.Int)
	for _, line := range lines {
		total.Add(total, new(big.Int).Mul(line.units, big.NewInt(int64(line.quantity))))
	}
	return total
}
