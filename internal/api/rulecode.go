package api

import (
	"errors"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/domain/rule"
)

// ruleCode is the name of the rule that an error is about, which never changes as its text may; "" for none.
func ruleCode(err error) string {
	for _, named := range namedRules() {
		if errors.Is(err, named.rule) {
			return named.code
		}
	}
	return typedCode(err)
}

type namedRule struct {
	rule error
	code string
}

// namedRules has every rule that the domain declares, but for the kinds.
func namedRules() []namedRule {
	return []namedRule{
		{rule.ErrBlank, "text.blank"},
		{rule.ErrTooLong, "text.too_long"},
		{rule.ErrUnprintable, "text.unprintable"},
		{rule.ErrNoTime, "time.missing"},
		{money.ErrTooLarge, "money.too_large"},
		{organisation.ErrExists, "organisation.exists"},
		{organisation.ErrNotCreated, "organisation.not_created"},
		{organisation.ErrDeleted, "organisation.deleted"},
		{contact.ErrExists, "contact.exists"},
		{contact.ErrNotCreated, "contact.not_created"},
		{contact.ErrDeleted, "contact.deleted"},
		{contact.ErrEmail, "contact.email"},
		{invoice.ErrExists, "invoice.exists"},
		{invoice.ErrNotDrafted, "invoice.not_drafted"},
		{invoice.ErrDeleted, "invoice.deleted"},
		{invoice.ErrDate, "invoice.date"},
		{invoice.ErrDueBeforeDraft, "invoice.due_before_draft"},
		{invoice.ErrDraftedInFuture, "invoice.drafted_in_future"},
		{invoice.ErrNoLineItems, "invoice.no_line_items"},
		{invoice.ErrManyLineItems, "invoice.many_line_items"},
		{invoice.ErrQuantity, "invoice.quantity"},
		{invoice.ErrNegativeAmount, "invoice.negative_amount"},
		{invoice.ErrLineCurrency, "invoice.line_currency"},
		{ErrOrganisationFixed, "invoice.organisation_fixed"},
		{domain.ErrVersion, "version"},
		{domain.ErrReferenceTaken, "reference.taken"},
		{domain.ErrReferenceFixed, "reference.fixed"},
		{domain.ErrKeyReused, "idempotency_key.reused"},
		{domain.ErrKey, "idempotency_key.malformed"},
		{domain.ErrNoVersion, "at.version"},
		{domain.ErrLimit, "list.limit"},
		{domain.ErrAfter, "list.after"},
		{domain.ErrStatus, "list.status"},
		{domain.ErrFilter, "list.filter"},
	}
}

// typedCode names the rules whose errors have data.
func typedCode(err error) string {
	if _, is := errors.AsType[*invoice.TransitionError](err); is {
		return "invoice.status"
	}
	if _, is := errors.AsType[*money.CurrencyError](err); is {
		return "money.currency"
	}
	if _, is := errors.AsType[*money.AmountError](err); is {
		return "money.amount"
	}
	if _, is := errors.AsType[*money.DecimalsError](err); is {
		return "money.decimals"
	}
	if _, is := errors.AsType[*money.MismatchError](err); is {
		return "money.mismatch"
	}
	return ""
}
