package invoice

import (
	"fmt"

	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/domain/rule"
)

// checkCurrency lets an old invoice be in a currency that was in use then.
func checkCurrency(code string, draftedOn Date) *rule.FieldError {
	return rule.At("currency_code", money.CheckInUse(code, draftedOn.Time()))
}

// checkDraftedOn lets an old invoice be entered later, and none earlier.
func checkDraftedOn(day, today Date) *rule.FieldError {
	if today.Before(day) {
		return rule.At("drafted_on", fmt.Errorf("%w (%s, today is %s)", ErrDraftedInFuture, day, today))
	}
	return nil
}

// check looks at what a draft and an update have in common.
func (b Body) check(draftedOn Date) []*rule.FieldError {
	faults := []*rule.FieldError{rule.ID("contact_id", b.ContactID)}
	switch {
	case b.DueDate.IsZero():
		faults = append(faults, rule.At("due_date", ErrDate))
	case b.DueDate.Before(draftedOn):
		faults = append(faults, rule.At("due_date", fmt.Errorf("%w (%s, drafted on %s)", ErrDueBeforeDraft, b.DueDate, draftedOn)))
	}
	switch count := len(b.LineItems); {
	case count == 0:
		return append(faults, rule.At("line_items", ErrNoLineItems))
	case count > MaxLineItems:
		return append(faults, rule.At("line_items", ErrManyLineItems))
	}
	for i, line := range b.LineItems {
		faults = append(faults, line.check(fmt.Sprintf("line_items[%d].", i), b.CurrencyCode)...)
	}
	return faults
}

func (l LineItem) check(prefix, currencyCode string) []*rule.FieldError {
	faults := []*rule.FieldError{rule.Text(prefix+"description", l.Description, MaxDescriptionLength)}
	switch {
	case l.UnitAmount.CurrencyCode() != currencyCode:
		mismatch := fmt.Errorf("%w (%q on an invoice in %q)", ErrLineCurrency, l.UnitAmount.CurrencyCode(), currencyCode)
		faults = append(faults, rule.At(prefix+"unit_amount", mismatch))
	case l.UnitAmount.IsNegative():
		faults = append(faults, rule.At(prefix+"unit_amount", ErrNegativeAmount))
	}
	if l.Quantity < 1 || l.Quantity > MaxQuantity {
		faults = append(faults, rule.At(prefix+"quantity", ErrQuantity))
	}
	return faults
}
