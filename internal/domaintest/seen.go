package domaintest

import (
	"errors"
	"slices"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/domain/rule"
)

// Seen counts what models met with: commands that took effect by their names, refusals by the texts of their rules. The zero value is not
// usable; make it.
type Seen map[string]int

// repeated stands for answers from before.
const repeated = "repeated"

func (s Seen) refused(c command, why reasons) {
	for _, reason := range why {
		s[reason.Error()]++
		if errors.Is(reason, errTransition) {
			s[c.name()+" in a wrong status"]++
		}
	}
}

// Missing lists the commands that never took effect and the rules that were never in the way: what the models say nothing about.
func (s Seen) Missing() []string {
	all := []string{
		repeated, "organisation create", "organisation rename", "organisation delete", "contact create", "contact update", "contact delete",
		"invoice draft", "invoice update", "invoice issue", "invoice approve", "invoice pay", "invoice void", "invoice delete",
		"invoice update in a wrong status", "invoice issue in a wrong status", "invoice pay in a wrong status", "invoice void in a wrong status",
	}
	for _, err := range []error{
		domain.ErrNotFound, domain.ErrVersion, domain.ErrReferenceTaken, domain.ErrKeyReused,
		rule.ErrBlank, rule.ErrTooLong, rule.ErrUnprintable, organisation.ErrDeleted, contact.ErrDeleted, contact.ErrEmail, invoice.ErrDeleted,
		invoice.ErrDate, invoice.ErrDueBeforeDraft, invoice.ErrDraftedInFuture, invoice.ErrNoLineItems, invoice.ErrQuantity,
		invoice.ErrNegativeAmount, invoice.ErrLineCurrency, money.ErrTooLarge, errCurrency,
	} {
		all = append(all, err.Error())
	}
	return slices.DeleteFunc(all, func(name string) bool { return s[name] > 0 })
}
