package parked

import (
	"maps"
	"slices"

	"github.com/contrail-events/contrail"
)

// Outcome is what became of one event.
type Outcome struct {
	Relay    string            `json:"relay"`
	Position contrail.Position `json:"position"`
	Before   State             `json:"before,omitempty"` // its state; empty when there is no such event
	After    State             `json:"after,omitempty"`  // likewise; empty when it is purged
	Changed  bool              `json:"changed"`          // now, by this call
	Done     bool              `json:"done"`             // it is as was asked for: it was changed, was so before, or comes to be so by itself
	Text     string            `json:"text"`             // completes the sentence "position 17 …": what was done, or why not
}

// outcomes are told in the order of relay and position.
type outcomes map[key]Outcome

// tell notes what became of an event that was found.
func (o outcomes) tell(found row, after State, changed, done bool, text string) {
	o[found.key] = Outcome{
		Relay: found.relay, Position: contrail.Position(found.position), Before: found.state, After: after, Changed: changed, Done: done, Text: text,
	}
}

// missing notes which of the named events were not found.
func (o outcomes) missing(named []key) {
	for _, k := range named {
		if _, found := o[k]; !found {
			o[k] = Outcome{Relay: k.relay, Position: contrail.Position(k.position), Text: "is no parked event of " + k.relay}
		}
	}
}

// relays are those of which an event has changed, in order.
func (o outcomes) relays() []string {
	changed := map[string]bool{}
	for k, outcome := range o {
		if outcome.Changed {
			changed[k.relay] = true
		}
	}
	return slices.Sorted(maps.Keys(changed))
}

func (o outcomes) sorted() []Outcome {
	all := make([]Outcome, 0, len(o))
	for _, k := range slices.SortedFunc(maps.Keys(o), key.compare) {
		all = append(all, o[k])
	}
	return all
}
