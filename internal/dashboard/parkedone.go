package dashboard

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher/parked"
)

// parkedEventView is one event that a relay has left out.
type parkedEventView struct {
	Event   parked.Detail     `json:"event"`
	Meaning string            `json:"meaning"`
	Advice  string            `json:"advice"`
	Behind  contrail.Position `json:"held_behind,omitempty"` // the first of the parked events that this one is held behind
	Holds   int64             `json:"holds"`                 // how many events are held behind this one
	Held    []parked.Event    `json:"held"`                  // the first of these
}

const heldShown = 20 // events that a page names

// Title is the page's.
func (v *parkedEventView) Title() string {
	return fmt.Sprintf("Parked event at position %d", v.Event.Position)
}

// Row is what a form says to mean it.
func (v *parkedEventView) Row() string { return seenParked(v.Event.Event).String() }

// Missing tells whether the store does not have the event, as after a restore that went wrong.
func (v *parkedEventView) Missing() bool { return v.Event.ID == uuid.Nil }

// More is how many of the held events are not named.
func (v *parkedEventView) More() int64 { return v.Holds - int64(len(v.Held)) }

// May tells whether an action can begin with the event's state.
func (v *parkedEventView) May(verb string) bool {
	switch verb {
	case "requeue":
		return v.Event.State == parked.Parked || v.Event.State == parked.Discarded
	case "withdraw":
		return v.Event.State == parked.Requeued
	case "discard":
		return v.Event.State == parked.Parked || v.Event.State == parked.Held || v.Event.State == parked.Requeued
	}
	return false
}

func (d *Dashboard) readParkedEvent(ctx context.Context, r *request) (any, error) {
	position, err := numberOf("position", r.path("position"))
	if err != nil || position == 0 {
		return nil, errNotFound("parked event at position " + r.path("position"))
	}
	view := &parkedEventView{Held: []parked.Event{}}
	view.Event, err = parked.Get(ctx, d.pool, r.path("relay"), contrail.Position(position)) //nolint:gosec // 63 bits
	if err != nil {
		return nil, errParked(err, r.path("position"))
	}
	if err := view.readStream(ctx, d); err != nil {
		return nil, err
	}
	view.Meaning, view.Advice = view.Event.Reason.Meaning(), view.advice()
	return view, nil
}

// readStream looks at what else of the event's stream waits.
func (v *parkedEventView) readStream(ctx context.Context, d *Dashboard) error {
	filter := parked.Filter{Relay: v.Event.Relay, Stream: v.Event.Stream}
	switch v.Event.State {
	case parked.Parked:
		filter.States, filter.After, filter.Limit = []parked.State{parked.Held}, v.Event.Position, heldShown
		held, err := parked.Behind(ctx, d.pool, v.Event.Relay, v.Event.Stream)
		if err != nil {
			return err
		}
		v.Holds = held[v.Event.Stream]
	case parked.Held:
		filter.States, filter.Until, filter.Limit = []parked.State{parked.Parked}, v.Event.Position, 1
	case parked.Requeued, parked.Published, parked.Discarded:
		return nil
	}
	for other, err := range parked.List(ctx, d.pool, filter) {
		switch {
		case err != nil:
			return err
		case v.Event.State == parked.Held:
			v.Behind = other.Position
		default:
			v.Held = append(v.Held, other)
		}
	}
	return nil
}

// advice is what to do about the event.
func (v *parkedEventView) advice() string {
	switch v.Event.State {
	case parked.Parked:
		return v.Event.Reason.Cure() + ", and requeue it: the relay publishes it at the end of the stream. Or decide that it shall never be published, and discard it."
	case parked.Held:
		if v.Behind == 0 {
			return "Nothing holds it any more: the relay publishes it by itself."
		}
		return fmt.Sprintf("Requeue or discard what it is held behind, at position %d.", v.Behind)
	case parked.Requeued:
		return "The relay publishes it next. As long as it has not, that can be taken back."
	case parked.Published:
		return "It is published: there is nothing left to do."
	case parked.Discarded:
		return "It is not published. If it shall be after all, requeue it."
	}
	return "It is in a state of another version's."
}
