package invoice

import (
	"fmt"

	"github.com/contrail-events/contrail/domain/rule"
)

// The rules on an invoice's life, beside [TransitionError].
var (
	ErrExists     = rule.Refused("the invoice exists already: update it, or draft another with its own id")
	ErrNotDrafted = rule.NotFound("there is no such invoice: draft it first")
	ErrDeleted    = rule.Refused("the invoice is deleted, and nothing can be done with it any more: draft a new one")
)

// The rules on what an invoice says, beside package rule's on text and package money's on amounts.
var (
	ErrDate            = rule.Invalid("is no date: write a day of the calendar as 2021-01-31")
	ErrDueBeforeDraft  = rule.Invalid("lies before the day of the draft: give that day or a later one")
	ErrDraftedInFuture = rule.Invalid("lies in the future: give today's date in UTC or an earlier one, or leave it out")
	ErrNoLineItems     = rule.Invalid("is empty: give one line at least")
	ErrManyLineItems   = rule.Invalid("has too many lines: at most 300 make one event; split the invoice")
	ErrQuantity        = rule.Invalid("is out of range: give 1 to 1000000000")
	ErrNegativeAmount  = rule.Invalid("is below zero: void the invoice instead of crediting it")
	ErrLineCurrency    = rule.Invalid("is not in the invoice's currency: convert it first")
)

// TransitionError says that an invoice is in the wrong status for a command. It is a [rule.ErrRefused].
type TransitionError struct {
	Status Status // as it is
	Verb   string // what was asked for: update, issue, pay, void
	hint   string
}

// Error names the status and says which one it takes.
func (e *TransitionError) Error() string {
	return fmt.Sprintf("can't %s an invoice that is %s: %s", e.Verb, e.Status, e.hint)
}

// Unwrap returns [rule.ErrRefused].
func (e *TransitionError) Unwrap() error { return rule.ErrRefused }
