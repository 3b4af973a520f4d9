package parked

import (
	"fmt"
	"slices"
)

// transition is a decision that a person may take.
type transition struct {
	verb      string
	from      []State // which it can begin with
	usual     []State // which a filter means that names none
	to        State
	done      string // completes the sentence "position 17 is …"
	needsNote bool
}

func requeueing() transition {
	return transition{verb: "requeue", from: []State{Parked, Discarded}, usual: []State{Parked}, to: Requeued, done: "requeued"}
}

func withdrawing() transition {
	return transition{verb: "withdraw", from: []State{Requeued}, usual: []State{Requeued}, to: Parked, done: "parked again"}
}

func discarding() transition {
	return transition{
		verb: "discard", from: []State{Parked, Held, Requeued}, usual: []State{Parked}, to: Discarded, done: "discarded", needsNote: true,
	}
}

// refuses says why an event stays as it is, and whether it is as was asked for nevertheless; an empty text: it does not.
func (t transition) refuses(r row, which Selection) (text string, done bool) {
	switch {
	case r.state == t.to:
		return fmt.Sprintf("is %s already", r.state), true
	case which.isStale(r.key, r.changedAt):
		return fmt.Sprintf("has changed meanwhile: it is %s now, by %s", r.state, r.changedBy), false
	case r.state == Published:
		return "is published already", false
	case t.waits(r) || slices.Contains(t.from, r.state):
		return "", false
	}
	return fmt.Sprintf("is %s, not %s", r.state, t.from[0]), false
}

// waits tells whether an event may be in its turn only: requeued behind those of its own stream that are parked.
func (t transition) waits(r row) bool {
	return t.to == Requeued && (r.state == Held || r.state == Discarded && r.reason == ReasonHeld)
}
