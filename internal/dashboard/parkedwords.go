package dashboard

import (
	"github.com/contrail-events/contrail/publisher/parked"
)

// What the list of parked events offers and says.

// ReasonOptions are all reasons.
func (*parkedView) ReasonOptions() []any { return anyOf(parked.Reasons()) }

// StateOptions are all states.
func (*parkedView) StateOptions() []any {
	return append([]any{option{"", "waiting"}}, anyOf(parked.States())...)
}

// OrderOptions are both ways to order a list.
func (*parkedView) OrderOptions() []any { return orders() }

// Hidden are the fields of the filter, for the forms that decide about what it selects.
func (v *parkedView) Hidden() []decisionField {
	given := only(v.Filter, parkedFields())
	given.Set("relay", v.Relay)
	return fieldsOf(given)
}

// Cut is the beginning of an error.
func (*parkedView) Cut(text string) string { return beginning(text) }

// Cut is the beginning of an error.
func (*parkedDecision) Cut(text string) string { return beginning(text) }

// Nothing is what an empty list says.
func (v *parkedView) Nothing() string {
	if v.filtered() {
		return "No event matches."
	}
	return "No event is parked: whatever is settled is published, or about to be."
}

// NothingDo is what to do then.
func (v *parkedView) NothingDo() string {
	if v.filtered() {
		return "Change the filter, or look at the other states: what was published late and what was discarded is kept, too."
	}
	return "A relay parks an event that the broker refuses for good, such as one that is too large, and holds those behind it in its own stream."
}

func (v *parkedView) filtered() bool {
	return len(only(v.Filter, parkedFields())) > 0 || v.Filter.Get("after")+v.Filter.Get("before") != ""
}
