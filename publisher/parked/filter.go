package parked

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/contrail-events/contrail"
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
	fault(!isText(f.Relay), "Relay is %q, must be UTF-8 without NUL", f.Relay)
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
func (f Filter) where() *where {
	w := &where{}
	if f.Relay != "" {
		w.and(`p.relay = ?`, f.Relay)
	}
	if len(f.States) > 0 {
		w.and(`p.state = ANY(?)`, f.States)
	}
	if len(f.Reasons) > 0 {
		w.and(`p.reason = ANY(?)`, f.Reasons)
	}
	if !f.Stream.IsZero() {
		w.and(`p.stream = ?`, f.Stream.String())
	}
	if f.Category != "" {
		w.and(`split_part(p.stream, '-', 1) = ?`, f.Category)
	}
	if f.After > 0 {
		w.and(`p.position > ?`, int64(f.After))
	}
	if f.Until > 0 {
		w.and(`p.position <= ?`, int64(f.Until))
	}
	return w
}

// where is a condition that grows, and its arguments.
type where struct {
	clauses []string
	args    []any
}

// and adds a condition in which each question mark stands for an argument.
func (w *where) and(clause string, args ...any) {
	w.clauses = append(w.clauses, w.bound(clause, args...))
}

// bound gives the arguments their numbers.
func (w *where) bound(text string, args ...any) string {
	for _, arg := range args {
		w.args = append(w.args, arg)
		text = strings.Replace(text, "?", "$"+strconv.Itoa(len(w.args)), 1)
	}
	return text
}

func (w *where) String() string {
	if len(w.clauses) == 0 {
		return ""
	}
	return ` WHERE ` + strings.Join(w.clauses, ` AND `)
}

// isText tells whether PostgreSQL takes s as a text.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
