package invoice

import (
	"slices"

	"github.com/contrail-events/contrail/domain/rule"
)

func draft(state State, command Draft) ([]Event, error) {
	if state.ID != "" {
		return nil, ErrExists
	}
	body := Body{
		ID: command.ID, OrganisationID: command.OrganisationID, ContactID: command.ContactID, Status: StatusDrafted,
		CurrencyCode: command.CurrencyCode, DueDate: command.DueDate, LineItems: slices.Clone(command.LineItems),
	}
	draftedOn := command.DraftedOn
	if draftedOn.IsZero() {
		draftedOn = DateOf(command.At)
	}
	faults := append([]*rule.FieldError{
		rule.ID("id", command.ID),
		rule.ID("organisation_id", command.OrganisationID),
		rule.Time("at", command.At),
		rule.Reference(command.Reference),
		checkDraftedOn(draftedOn, DateOf(command.At)),
		checkCurrency(command.CurrencyCode, draftedOn),
	}, body.check(draftedOn)...)
	if err := rule.Check(faults...); err != nil {
		return nil, err
	}
	body, err := body.summedUp()
	if err != nil {
		return nil, err
	}
	return []Event{Drafted{Invoice: body, DraftedOn: draftedOn, Reference: command.Reference}}, nil
}

func update(state State, command Update) ([]Event, error) {
	if err := state.checkStatus("update", "only a draft can be updated; draft a new one", StatusDrafted); err != nil {
		return nil, err
	}
	body := Body{
		ID: state.ID, OrganisationID: state.OrganisationID, ContactID: command.ContactID, Status: StatusDrafted,
		CurrencyCode: state.CurrencyCode, DueDate: command.DueDate, LineItems: slices.Clone(command.LineItems),
	}
	if body.ContactID == "" {
		body.ContactID = state.ContactID
	}
	if err := rule.Check(body.check(state.DraftedOn)...); err != nil {
		return nil, err
	}
	body, err := body.summedUp()
	if err != nil {
		return nil, err
	}
	return []Event{Updated{Invoice: body}}, nil
}

// summedUp fills in the sub-total, which is computed here and never taken from a command.
func (b Body) summedUp() (Body, error) {
	total, err := SubTotal(b.CurrencyCode, b.LineItems)
	b.SubTotal = total
	return b, rule.Check(rule.At("sub_total", err))
}
