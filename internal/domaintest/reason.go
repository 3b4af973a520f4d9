package domaintest

import (
	"errors"
	"slices"
	"strings"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/domain/rule"
)

// reasons are the rules that are in the way of a command. The service names one of them at least.
type reasons []error

// What stands for errors with data.
var (
	errTransition = errors.New("a *invoice.TransitionError")
	errCurrency   = errors.New("a *money.CurrencyError")
)

// hold tells whether an error is for one of the reasons.
func (r reasons) hold(err error) bool {
	if _, is := errors.AsType[*invoice.TransitionError](err); is {
		err = errors.Join(err, errTransition)
	}
	if _, is := errors.AsType[*money.CurrencyError](err); is {
		err = errors.Join(err, errCurrency)
	}
	return slices.ContainsFunc(r, func(reason error) bool { return errors.Is(err, reason) })
}

// reasons tells why a command must be refused; none: it must not be. What another tenant has does not exist, and tells nothing else.
func (m *Model) reasons(c command) (found reasons) {
	target, version := m.visible(c.tenant, c.kind, c.id), int64(0)
	if !c.isNew() {
		if target == nil {
			return reasons{domain.ErrNotFound}
		}
		version = target.version
	}
	if c.conditional && !slices.Contains(c.versions, version) {
		found = append(found, domain.ErrVersion)
	}
	if c.reference != "" && m.isTaken(c) {
		found = append(found, domain.ErrReferenceTaken)
	}
	switch {
	case c.kind == invoices:
		return append(found, m.invoiceReasons(c, target)...)
	case !c.isNew() && target.isDeleted():
		found = append(found, map[string]error{organisations: organisation.ErrDeleted, contacts: contact.ErrDeleted}[c.kind])
	case c.kind == contacts && c.isNew():
		found = append(found, m.organisationReasons(c.tenant, c.organisationID)...)
	}
	if c.verb != "delete" {
		found = append(found, c.textReasons()...)
	}
	return found
}

func (m *Model) isTaken(c command) bool {
	return slices.ContainsFunc(m.aggregates, func(a *aggregate) bool {
		return a.tenant == c.tenant && a.kind == c.kind && a.reference == c.reference
	})
}

func (c command) textReasons() (found reasons) {
	texts := []string{c.label}
	if c.kind == contacts {
		texts = []string{c.details.FirstName, c.details.LastName}
		if !strings.Contains(c.details.Email, "@") || strings.Contains(c.details.Email, "127") {
			found = append(found, contact.ErrEmail)
		}
	}
	for _, text := range texts {
		switch {
		case strings.TrimSpace(text) == "":
			found = append(found, rule.ErrBlank)
		case strings.Contains(text, "\x00"):
			found = append(found, rule.ErrUnprintable)
		case len(text) > 200:
			found = append(found, rule.ErrTooLong)
		}
	}
	return found
}

func (m *Model) organisationReasons(tenant int, id string) (found reasons) {
	switch a := m.visible(tenant, organisations, id); {
	case a == nil:
		found = append(found, domain.ErrNotFound)
	case a.isDeleted():
		found = append(found, organisation.ErrDeleted)
	}
	return found
}

func (m *Model) contactReasons(tenant int, organisationID, id string) (found reasons) {
	switch a := m.visible(tenant, contacts, id); {
	case a == nil || a.organisationID != organisationID:
		found = append(found, domain.ErrNotFound)
	case a.isDeleted():
		found = append(found, contact.ErrDeleted)
	}
	return found
}

func (m *Model) invoiceReasons(c command, target *aggregate) (found reasons) {
	if c.isNew() {
		return m.draftReasons(c)
	}
	takes := map[string][]invoice.Status{
		"update":  {invoice.StatusDrafted},
		"issue":   {invoice.StatusDrafted},
		"approve": {invoice.StatusDrafted},
		"pay":     {invoice.StatusIssued},
		"void":    {invoice.StatusDrafted, invoice.StatusIssued},
		"delete":  invoice.Statuses(),
	}[c.verb]
	switch {
	case target.isDeleted():
		found = append(found, invoice.ErrDeleted)
	case !slices.Contains(takes, target.status):
		found = append(found, errTransition)
	}
	if c.verb != "update" {
		return found
	}
	if c.contactID != "" && c.contactID != target.contactID {
		found = append(found, m.contactReasons(c.tenant, target.organisationID, c.contactID)...)
	}
	found = append(found, dueReasons(c.dueDate, target.draftedOn)...)
	return append(found, faultsOf(c.lines, target.currency)...)
}

func (m *Model) draftReasons(c command) (found reasons) {
	found = append(m.organisationReasons(c.tenant, c.organisationID), m.contactReasons(c.tenant, c.organisationID, c.contactID)...)
	if c.currency.gone {
		found = append(found, errCurrency)
	}
	today := invoice.DateOf(m.now)
	if today.Before(c.draftedOn) {
		found = append(found, invoice.ErrDraftedInFuture)
	}
	found = append(found, dueReasons(c.dueDate, m.draftedOn(c))...)
	return append(found, faultsOf(c.lines, c.currency)...)
}

func (m *Model) draftedOn(c command) invoice.Date {
	if c.draftedOn.IsZero() {
		return invoice.DateOf(m.now)
	}
	return c.draftedOn
}

func dueReasons(due, draftedOn invoice.Date) (found reasons) {
	switch {
	case due.IsZero():
		found = append(found, invoice.ErrDate)
	case due.Before(draftedOn):
		found = append(found, invoice.ErrDueBeforeDraft)
	}
	return found
}
