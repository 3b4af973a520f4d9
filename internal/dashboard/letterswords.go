package dashboard

import (
	"maps"
	"slices"

	"github.com/contrail-events/contrail/subscribers/deadletters"
)

// What the list of dead letters offers and says.

// ConsumerOptions are those that have letters.
func (v *lettersView) ConsumerOptions() []any {
	names := map[string]bool{v.Filter.Get("consumer"): true}
	for _, group := range v.Groups {
		names[group.Consumer] = true
	}
	delete(names, "")
	return anyOf(slices.Sorted(maps.Keys(names)))
}

// TypeOptions are the types of the events that failed.
func (v *lettersView) TypeOptions() []any { return anyOf(v.Types) }

// ReasonOptions are all reasons.
func (*lettersView) ReasonOptions() []any { return anyOf(deadletters.Reasons()) }

// StateOptions are all states.
func (*lettersView) StateOptions() []any { return anyOf(deadletters.States()) }

// OrderOptions are both ways to order a list.
func (*lettersView) OrderOptions() []any { return orders() }

// Hidden are the fields of the filter, for the forms that decide about what it selects.
func (v *lettersView) Hidden() []decisionField { return fieldsOf(only(v.Filter, letterFields())) }

// Cut is the beginning of an error.
func (*lettersView) Cut(text string) string { return beginning(text) }

// Cut is the beginning of an error.
func (*letterDecision) Cut(text string) string { return beginning(text) }

// Nothing is what an empty list says.
func (v *lettersView) Nothing() string {
	if len(only(v.Filter, letterFields())) == 0 && v.Filter.Get("after")+v.Filter.Get("before") == "" {
		return "No dead letters: whatever was delivered is handled, or still being tried."
	}
	if v.Looked != nil {
		return "None of the letters that were looked at matches."
	}
	return "No letter matches."
}

// NothingDo is what to do then.
func (v *lettersView) NothingDo() string {
	if len(only(v.Filter, letterFields())) > 0 {
		return "Change the filter, or look at the other states: what was requeued and discarded is kept, too."
	}
	return "An event becomes one when a consumer has failed with it for the last time, or has said that no retry will cure it."
}

// State is where a letter stands, in words.
func (*lettersView) State(letter deadletters.Letter) string { return letterState(letter) }
