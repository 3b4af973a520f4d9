package invoice_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
	"github.com/contrail-events/contrail/domain/invoice"
)

// model is an invoice as a table of transitions and a sum in minor units: small enough to be seen to be right.
type model struct {
	status   string // "" before the draft, "deleted" at the end
	currency string
	places   int
	total    *big.Int // in the currency's smallest unit
}

func transitions() map[string]map[string]string {
	return map[string]map[string]string{
		"draft":  {"": "drafted"},
		"update": {"drafted": "drafted"},
		"issue":  {"drafted": "issued"},
		"pay":    {"issued": "paid"},
		"void":   {"drafted": "voided", "issued": "voided"},
		"delete": {"drafted": "deleted", "issued": "deleted", "paid": "deleted", "voided": "deleted"},
	}
}

// machine runs the decider beside the model. Events go through JSON, as they do in the store.
type machine struct {
	state   invoice.State
	version int64
	model   model
}

func (m *machine) step(t *rapid.T, verb string, command invoice.Command, good bool, total *big.Int) {
	events, err := invoice.Decide(m.state, command)
	next, legal := transitions()[verb][m.model.status]
	if !legal || !good {
		require.Error(t, err, "%s while %q, input good: %t", verb, m.model.status, good)
		require.Empty(t, events)
		return
	}
	require.NoError(t, err)
	require.Len(t, events, 1)
	m.apply(t, events[0])
	m.model.status = next
	if total != nil {
		m.model.total = total
	}
}

func (m *machine) apply(t *rapid.T, event invoice.Event) {
	data, err := json.Marshal(event)
	require.NoError(t, err)
	m.version++
	recorded := contrail.Recorded{Type: event.EventType(), Version: m.version, Data: data}
	if drafted, ok := event.(invoice.Drafted); ok {
		recorded.Metadata = drafted.EventMetadata()
	}
	decoded, err := codec.DecodeAs[invoice.Event](codec.MustNew(invoice.Events()...), recorded)
	require.NoError(t, err)
	require.Equal(t, []invoice.Event{event}, decoded)
	m.state = invoice.Evolve(m.state, decoded[0])
}

func (m *machine) check(t *rapid.T) {
	if m.model.status == "" {
		require.Equal(t, invoice.State{}, m.state)
		return
	}
	if m.model.status == "deleted" {
		require.False(t, m.state.DeletedAt.IsZero())
	} else {
		require.Equal(t, m.model.status, string(m.state.Status))
		require.True(t, m.state.DeletedAt.IsZero())
	}
	require.Equal(t, m.model.currency, m.state.CurrencyCode)
	require.Equal(t, m.model.currency+" "+inMajorUnits(m.model.total, m.model.places), m.state.SubTotal.String())
	sum, err := invoice.SubTotal(m.state.CurrencyCode, m.state.LineItems)
	require.NoError(t, err)
	require.True(t, sum.Equal(m.state.SubTotal))
	require.Equal(t, m.state.Status == invoice.StatusPaid, !m.state.PaidAt.IsZero())
}

// inMajorUnits writes 198 with two places as 1.98, without a decimal library.
func inMajorUnits(units *big.Int, places int) string {
	if places == 0 {
		return units.String()
	}
	text := fmt.Sprintf("%0*s", places+1, units.String())
	return text[:len(text)-places] + "." + text[len(text)-places:]
}

// genLines draws lines and their sum; now and then one of them breaks a rule.
func genLines(t *rapid.T, currency string, places int) (lines []invoice.LineItem, total *big.Int, good bool) {
	total, good = new(big.Int), true
	for range rapid.IntRange(0, 5).Draw(t, "lines") {
		units := rapid.Int64Range(0, 1_000_000).Draw(t, "units")
		quantity := rapid.IntRange(-1, 1000).Draw(t, "quantity")
		description := rapid.SampledFrom([]string{"work", "work", "work", "naïve <b>&", " "}).Draw(t, "description")
		lineCurrency := rapid.SampledFrom([]string{currency, currency, currency, currency, "EUR"}).Draw(t, "line currency")
		amount := of(inMajorUnits(big.NewInt(units), places), currency)
		if lineCurrency != currency {
			amount = of("1", lineCurrency)
		}
		lines = append(lines, invoice.LineItem{Description: description, UnitAmount: amount, Quantity: quantity})
		good = good && quantity > 0 && description != " " && lineCurrency == currency
		total.Add(total, new(big.Int).Mul(big.NewInt(units), big.NewInt(int64(quantity))))
	}
	return lines, total, good && len(lines) > 0
}

func TestNoIllegalStateIsReachable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		places := rapid.SampledFrom([]int{0, 2, 3}).Draw(t, "places")
		currency := map[int]string{0: "JPY", 2: "USD", 3: "KWD"}[places]
		m := &machine{model: model{currency: currency, places: places, total: new(big.Int)}}
		today := invoice.DateOf(noon)
		due := func(t *rapid.T) invoice.Date {
			return invoice.DateOf(noon.Add(time.Duration(rapid.IntRange(-1, 30).Draw(t, "due")) * 24 * time.Hour))
		}
		t.Repeat(map[string]func(*rapid.T){
			"": m.check,
			"draft": func(t *rapid.T) {
				lines, total, good := genLines(t, currency, places)
				command := draft()
				command.CurrencyCode, command.DueDate, command.LineItems = currency, due(t), lines
				m.step(t, "draft", command, good && !command.DueDate.Before(today), total)
			},
			"update": func(t *rapid.T) {
				lines, total, good := genLines(t, currency, places)
				command := invoice.Update{DueDate: due(t), LineItems: lines}
				m.step(t, "update", command, good && !command.DueDate.Before(today), total)
			},
			"issue":  func(t *rapid.T) { m.step(t, "issue", invoice.Issue{At: noon}, true, nil) },
			"pay":    func(t *rapid.T) { m.step(t, "pay", invoice.Pay{At: noon}, true, nil) },
			"void":   func(t *rapid.T) { m.step(t, "void", invoice.Void{}, true, nil) },
			"delete": func(t *rapid.T) { m.step(t, "delete", invoice.Delete{At: noon}, true, nil) },
		})
	})
}
