package dashboard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/publisher/parked"
)

// parkedVerb is a decision about parked events: what the package does, and which states it can begin with, the usual one first.
type parkedVerb struct {
	name   string
	past   string // as in "3 events requeued"
	states []parked.State
	reason bool // it needs one
	do     func(context.Context, parked.Beginner, parked.Selection, parked.Decision) ([]parked.Outcome, error)
}

func requeueParked() parkedVerb {
	return parkedVerb{name: "requeue", past: "requeued", states: []parked.State{parked.Parked, parked.Discarded}, do: parked.Requeue}
}

func withdrawParked() parkedVerb {
	return parkedVerb{name: "withdraw", past: "parked again", states: []parked.State{parked.Requeued}, do: parked.Withdraw}
}

func discardParked() parkedVerb {
	return parkedVerb{
		name: "discard", past: "discarded", states: []parked.State{parked.Parked, parked.Held, parked.Requeued}, reason: true, do: parked.Discard,
	}
}

// parkedDecision is the second step of a decision: what is meant, how much that is, and what it means.
type parkedDecision struct {
	Verb   string          `json:"verb"`
	Which  string          `json:"which"`
	Relay  string          `json:"relay"`
	Count  int64           `json:"count"`
	More   bool            `json:"more"`           // there are more than were counted
	Shown  []parked.Event  `json:"events"`         // some of them
	Gone   []uint64        `json:"gone,omitempty"` // that were ticked, and have changed since, or can't be changed so
	Holds  int64           `json:"holds"`          // events that are held behind those that are shown
	Reason bool            `json:"-"`              // a reason has to be given
	Fields []decisionField `json:"-"`
}

const (
	parkedShown   = 20     // of the events that a decision is about
	parkedCounted = 10_000 // of them, at most, one by one
)

// Title is the page's.
func (v *parkedDecision) Title() string {
	return map[string]string{"requeue": "Requeue events", "withdraw": "Park events again", "discard": "Discard events"}[v.Verb]
}

// Amount is the count as a sentence has it.
func (v *parkedDecision) Amount() string {
	text := plural(v.Count, "event")
	if v.More {
		text += " or more"
	}
	return text
}

func (v *parkedDecision) hand(name, value string) {
	v.Fields = append(v.Fields, decisionField{name, value})
}

// readParkedDecision reads what somebody is about to decide.
func (d *Dashboard) readParkedDecision(verb parkedVerb) func(ctx context.Context, r *request) (any, error) {
	return func(ctx context.Context, r *request) (any, error) {
		which, err := whichOf(r.query().Get("which"))
		if err != nil {
			return nil, err
		}
		filter, err := d.parkedFilter(r.query())
		if err != nil {
			return nil, err
		}
		view := &parkedDecision{Verb: verb.name, Which: which, Relay: filter.Relay, Shown: []parked.Event{}, Reason: verb.reason}
		view.hand("which", which)
		if which == whichSelected {
			view.hand("relay", filter.Relay)
			err = view.selected(ctx, d, r.query()["row"], verb)
		} else {
			err = view.matching(ctx, d, r, filter, verb)
		}
		if err == nil {
			err = view.countHeld(ctx, d)
		}
		return view, err
	}
}

// selected are the events that were ticked, as they were seen.
func (v *parkedDecision) selected(ctx context.Context, d *Dashboard, values []string, verb parkedVerb) error {
	rows, err := seenIn(values)
	if err != nil {
		return err
	}
	if len(rows) == 0 || len(rows) > mostRows {
		return errBadInput(fmt.Sprintf("%s selected; go back and tick some, %d at most, or take the whole page or all that match", plural(int64(len(rows)), "event"), mostRows))
	}
	for _, row := range rows {
		event, err := parked.Get(ctx, d.pool, v.Relay, contrail.Position(row.number)) //nolint:gosec // 63 bits
		if err != nil && !errors.Is(err, parked.ErrNotFound) {
			return err
		}
		isThis := err == nil && slices.Contains(verb.states, event.State) && (row.at.IsZero() || row.at.Equal(event.ChangedAt))
		if isThis {
			v.Shown = append(v.Shown, event.Event)
		} else {
			v.Gone = append(v.Gone, row.number)
		}
		v.hand("row", row.String()) // also of one that has changed: what became of it is told in the end
	}
	v.Count = int64(len(v.Shown))
	return nil
}

// matching are the events that the filter selects, on the page or altogether, among those that there are now.
func (v *parkedDecision) matching(ctx context.Context, d *Dashboard, r *request, filter parked.Filter, verb parkedVerb) error {
	bounds, err := parkedBounds(r.query().Get("first"), r.query().Get("last"), v.Which)
	if err != nil {
		return err
	}
	filter.After, filter.Until = bounds[0], bounds[1]
	if filter.States = statesFor(filter.States, verb); len(filter.States) == 0 {
		return errBadInput(fmt.Sprintf("what the filter selects can't be %s: take events that are %v", verb.past, verb.states))
	}
	if filter.Until == 0 {
		if err := d.pool.QueryRow(ctx, lastParkedSQL, filter.Relay).Scan(&filter.Until); err != nil {
			return fmt.Errorf("look up the last parked event: %w", err)
		}
	}
	if err := v.count(ctx, d, filter); err != nil {
		return err
	}
	given := only(r.query(), []string{"stream", "category"})
	given[filterReason] = r.query()["reason"]
	v.Fields = append(v.Fields, fieldsOf(given)...)
	for _, state := range filter.States {
		v.hand("state", string(state))
	}
	v.hand("relay", filter.Relay)
	if v.Which == whichPage {
		v.hand("first", strconv.FormatInt(int64(filter.After)+1, 10))
	}
	v.hand("last", strconv.FormatInt(max(1, int64(filter.Until)), 10))
	return nil
}

// One row of the primary key, from its end.
const lastParkedSQL = `SELECT coalesce((SELECT position FROM contrail.parked WHERE relay = $1 ORDER BY position DESC LIMIT 1), 0)`

// parkedBounds are what is meant: above the one position, up to the other. Zero is no bound.
func parkedBounds(first, last, which string) (bounds [2]contrail.Position, err error) {
	low, err := numberOf("first", first)
	if err != nil {
		return bounds, err
	}
	high, err := numberOf("last", last)
	if err != nil {
		return bounds, err
	}
	if which == whichPage && (low == 0 || high == 0) {
		return bounds, errBadInput("the page's first and last position are not given; go back to the list, which gives them")
	}
	if low > 0 {
		bounds[0] = contrail.Position(low) - 1 //nolint:gosec // 63 bits
	}
	bounds[1] = contrail.Position(high) //nolint:gosec // likewise
	return bounds, nil
}

// statesFor are those that the decision can begin with: the usual one, unless the filter names others.
func statesFor(given []parked.State, verb parkedVerb) []parked.State {
	if len(given) == 0 {
		return verb.states[:1]
	}
	var states []parked.State
	for _, state := range verb.states {
		if slices.Contains(given, state) {
			states = append(states, state)
		}
	}
	return states
}

func (v *parkedDecision) count(ctx context.Context, d *Dashboard, filter parked.Filter) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	filter.Limit = parkedCounted + 1
	for event, err := range parked.List(ctx, d.pool, filter) {
		if err != nil {
			return err
		}
		if v.Count++; v.Count <= parkedShown {
			v.Shown = append(v.Shown, event)
		}
	}
	if v.Count > parkedCounted {
		v.Count, v.More = parkedCounted, true
	}
	return nil
}

// countHeld counts what is held behind the events that are shown.
func (v *parkedDecision) countHeld(ctx context.Context, d *Dashboard) error {
	var streams []contrail.StreamID
	for _, event := range v.Shown {
		streams = append(streams, event.Stream)
	}
	held, err := parked.Behind(ctx, d.pool, v.Relay, streams...)
	for _, events := range held {
		v.Holds += events
	}
	return err
}
