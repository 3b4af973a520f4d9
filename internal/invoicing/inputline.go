package invoicing

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
)

// Invoice is one line of an input.
type Invoice struct {
	Line         int    // in the input, counted from 1
	End          int64  // of the line in the input, in bytes from the beginning
	Reference    string // the writer's own name for it, unique in the input
	Organisation Organisation
	Contact      Contact
	CurrencyCode string
	DueDate      invoice.Date
	DraftedOn    invoice.Date // zero where the line does not say it
	LineItems    []invoice.LineItem
	SubTotal     money.Money // what the lines add up to
}

// Organisation is who sends an invoice.
type Organisation struct {
	Reference string
	Name      string
}

// Contact is whom an invoice goes to.
type Contact struct {
	Reference string // unique in its organisation
	contact.Details
}

type wireMoney struct {
	Amount       string `json:"amount"`
	CurrencyCode string `json:"currency_code"`
}

type wireLineItem struct {
	Description string    `json:"description"`
	UnitAmount  wireMoney `json:"unit_amount"`
	Quantity    int       `json:"quantity"`
}

type wireOrganisation struct {
	Reference string `json:"reference"`
	Name      string `json:"name"`
}

type wireContact struct {
	Reference string `json:"reference"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Email     string `json:"email"`
}

type wireInvoice struct {
	Reference    string            `json:"reference"`
	Organisation *wireOrganisation `json:"organisation"` // may be left out
	Contact      wireContact       `json:"contact"`
	CurrencyCode string            `json:"currency_code"`
	DueDate      string            `json:"due_date"`
	DraftedOn    *string           `json:"drafted_on"` // likewise
	LineItems    []json.RawMessage `json:"line_items"` // decoded one by one, so that a fault tells which one
	SubTotal     wireMoney         `json:"sub_total"`
}

// parseLine reads one line strictly. The fault has no line number yet.
func parseLine(text []byte, organisation Organisation) (Invoice, *LineError) {
	var wire wireInvoice
	if !utf8.Valid(text) {
		return Invoice{}, fieldFault("", "is no UTF-8")
	}
	if fault := checkNames(text); fault != nil {
		return Invoice{}, fault
	}
	if fault := decodeFault("", json.Unmarshal(text, &wire)); fault != nil {
		return Invoice{}, fault
	}
	read := Invoice{
		Reference: wire.Reference, Organisation: organisation, CurrencyCode: wire.CurrencyCode,
		Contact: Contact{wire.Contact.Reference, contact.Details{
			FirstName: wire.Contact.FirstName, LastName: wire.Contact.LastName, Email: wire.Contact.Email,
		}},
	}
	if wire.Organisation != nil {
		read.Organisation = Organisation(*wire.Organisation)
	}
	due, err := invoice.ParseDate(wire.DueDate)
	if err != nil {
		return Invoice{}, fieldFault("due_date", "%q %s", cut(wire.DueDate), err)
	}
	read.DueDate = due
	if wire.DraftedOn != nil {
		if read.DraftedOn, err = invoice.ParseDate(*wire.DraftedOn); err != nil {
			return Invoice{}, fieldFault("drafted_on", "%q %s", cut(*wire.DraftedOn), err)
		}
	}
	if fault := read.parseLineItems(wire.LineItems); fault != nil {
		return Invoice{}, fault
	}
	if fault := read.checkSubTotal(wire.SubTotal); fault != nil {
		return Invoice{}, fault
	}
	return read, nil
}

func (i *Invoice) parseLineItems(items []json.RawMessage) *LineError {
	for n, text := range items {
		field := fmt.Sprintf("line_items[%d]", n)
		var wire wireLineItem
		if fault := decodeFault(field, json.Unmarshal(text, &wire)); fault != nil {
			return fault
		}
		amount, err := money.Parse(wire.UnitAmount.Amount, wire.UnitAmount.CurrencyCode)
		if err != nil {
			return fieldFault(field+".unit_amount", "is wrong: %s", err)
		}
		i.LineItems = append(i.LineItems, invoice.LineItem{Description: wire.Description, UnitAmount: amount, Quantity: wire.Quantity})
	}
	return nil
}

// checkSubTotal compares what the line says it adds up to with what its items do. Items in another currency are the domain's to refuse.
func (i *Invoice) checkSubTotal(wire wireMoney) *LineError {
	given, err := money.Parse(wire.Amount, wire.CurrencyCode)
	if err != nil {
		return fieldFault("sub_total", "is wrong: %s", err)
	}
	sum, err := invoice.SubTotal(i.CurrencyCode, i.LineItems)
	if _, mixed := errors.AsType[*money.MismatchError](err); err == nil && !sum.Equal(given) {
		return fieldFault("sub_total", "is %s, but the line items add up to %s", given, sum)
	} else if err != nil && !mixed {
		return fieldFault("line_items", "don't add up: %s", err)
	}
	i.SubTotal = sum
	return nil
}

// draftedAt is the moment as of which an invoice is drafted: that which it names; else now, or, where it was due before today, thirty days before
// it was due, which is the usual term of payment. So an old book can be imported, and a draft is never due before its own day.
func (i *Invoice) draftedAt(now time.Time) time.Time {
	day, days := i.DraftedOn, 0
	if day.IsZero() {
		day, days = i.DueDate, -30
		if !day.Before(invoice.DateOf(now)) {
			return now
		}
	}
	at, err := time.Parse(time.DateOnly, day.String())
	if err != nil { // a Date that is not zero always parses
		return now
	}
	return at.AddDate(0, 0, days)
}

// draftedOn is the day of draftedAt, or zero for one that is drafted today, which is the service's to say.
func (i *Invoice) draftedOn(now time.Time) invoice.Date {
	at := i.draftedAt(now)
	if i.DraftedOn.IsZero() && at.Equal(now) {
		return invoice.Date{}
	}
	return invoice.DateOf(at)
}

// decodeFault gives the decoder's refusal the name of the field as the file writes it.
func decodeFault(prefix string, err error) *LineError {
	if err == nil {
		return nil
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field := strings.TrimPrefix(join(prefix, wrong.Field), ".")
		return fieldFault(strings.TrimSuffix(field, "."), "is a JSON %s where a %s belongs", cut(wrong.Value), kindName(wrong.Type.Kind().String()))
	}
	return fieldFault(prefix, "is not JSON: %s", err)
}

// kindName is what JSON calls a kind of Go.
func kindName(kind string) string {
	switch kind {
	case "struct", "ptr":
		return "object"
	case "slice":
		return "list"
	case "int":
		return "whole number"
	}
	return kind
}

// cut makes a stranger's text short and printable, so that it can stand in a sentence.
func cut(text string) string {
	const longest = 40
	printable := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, text[:min(len(text), longest)])
	if len(text) > longest {
		printable += "…"
	}
	return printable
}
