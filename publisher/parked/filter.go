package parked

import (
	"errors"
	"fmt"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/sqltext"
)

// Filter selects events. Fields that are set narrow it down together.
type Filter struct {
	Relay    string            // of the relays of this JetStream stream; empty: of all
	States   []State           // in one of these; none: what the function that takes the filter is about, [List]: those that wait for something
	Reasons  []Reason          // for one of these; none: for any
	Stream   contrail.StreamID // of this event stream
	Category string            // of this category of event streams, such as "invoice"

	After contrail.Position // above this position; with Relay and Limit, how one goes on to the next page
	Until contrail.Position // at or below this position; zero means no bound

	Backwards bool  // from the highest position to the lowest
	Limit     int64 // at most so many; zero means no limit
}

// Validate returns an error that names every faulty field at once.
func (f Filter) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("parked.Filter: "+format, args...))
		}
	}
	fault(!sqltext.IsText(f.Relay), "Relay is %q, must be UTF-8 without NUL", f.Relay)
	for _, state := range f.States {
		fault(!state.Valid(), "States has %q, which is none of %v", state, States())
	}
	for _, reason := range f.Reasons {
		fault(!reason.Valid(), "Reasons has %q, which is none of %v", reason, Reasons())
	}
	if !f.Stream.IsZero() {
		faults = append(faults, f.Stream.Validate())
	}
	if f.Category != "" {
		err := contrail.NewStreamID(f.Category, "1").Validate()
		fault(err != nil, "Category is %q, must be letters, digits and '_'", f.Category)
	}
	fault(f.After < 0, "After is %d, must not be negative", f.After)
	fault(f.Until < 0, "Until is %d, must not be negative", f.Until)
	fault(f.Limit < 0, "Limit is %d, must not be negative", f.Limit)
	return errors.Join(faults...)
}

// or sets the states, where there are none.
func (f Filter) or(usual []State) Filter {
	if len(f.States) == 0 {
		f.States = usual
	}
	return f
}

// where is what the filter says, in the words of contrail.parked p alone. Where the events are those that wait for something, it walks the
// index parked_open, else the primary key.
func (f Filter) where() *sqltext.Where {
	w := &sqltext.Where{}
	if f.Relay != "" {
		w.And(`p.relay = ?`, f.Relay)
	}
	if len(f.States) > 0 {
		w.And(`p.state = ANY(?)`, f.States)
	}
	if len(f.Reasons) > 0 {
		w.And(`p.reason = ANY(?)`, f.Reasons)
	}
	if !f.Stream.IsZero() {
		w.And(`p.stream = ?`, f.Stream.String())
	}
	if f.Category != "" {
		w.And(`split_part(p.stream, '-', 1) = ?`, f.Category)
	}
	if f.After > 0 {
		w.And(`p.position > ?`, int64(f.After))
	}
	if f.Until > 0 {
		w.And(`p.position <= ?`, int64(f.Until))
	}
	return w
}
