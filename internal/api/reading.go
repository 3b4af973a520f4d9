package api

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/domain/rule"
)

// reading collects the faults of what can't be read. What can be is the domain's to judge.
type reading []*rule.FieldError

func (r *reading) fault(field string, err error) {
	if err != nil {
		*r = append(*r, rule.At(field, err))
	}
}

// date reads a day; "" is none.
func (r *reading) date(field, text string) (day invoice.Date) {
	r.fault(field, day.UnmarshalText([]byte(text)))
	return day
}

// lines reads the lines of an invoice.
func (r *reading) lines(given []Line) []invoice.LineItem {
	lines := make([]invoice.LineItem, len(given))
	for i, line := range given {
		amount, err := money.Parse(string(line.UnitAmount.Amount), line.UnitAmount.CurrencyCode)
		field := fmt.Sprintf("line_items[%d].unit_amount.", i)
		if _, unknown := errors.AsType[*money.CurrencyError](err); unknown {
			r.fault(field+"currency_code", err)
		} else {
			r.fault(field+"amount", err)
		}
		lines[i] = invoice.LineItem{Description: line.Description, UnitAmount: amount, Quantity: int(line.Quantity)}
	}
	return lines
}

// beside returns the faults together with those that the domain found in the rest, so that a client is told of all at once.
func (r *reading) beside(err error) error {
	all := slices.Clone(*r)
	if found, is := errors.AsType[rule.FieldErrors](err); is {
		for _, fault := range found {
			if !r.covers(fault.Field) {
				all = append(all, fault)
			}
		}
	}
	return rule.Check(all...)
}

// covers tells whether a field, or a part of it, could not be read.
func (r *reading) covers(field string) bool {
	return slices.ContainsFunc(*r, func(fault *rule.FieldError) bool { return strings.HasPrefix(fault.Field, field) })
}
