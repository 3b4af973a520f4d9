package deadletters

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// Filter selects letters. Fields that are set narrow it down together; consumer, category and type are the broker's to select by.
type Filter struct {
	Stream string  // the stream of dead letters; empty means DEADLETTERS
	States []State // in one of these; none: dead

	Consumer      string               // of this consumer
	Reasons       []subscribers.Reason // for one of these; none: for any
	Category      string               // events of this category of event streams, such as "invoice"
	Type          string               // events of this type
	EventStream   contrail.StreamID    // events of this event stream; not of what is discarded, whose payload is gone
	Tenant        string               // events with this tenant id; likewise
	ErrorContains string               // whose error, or one that it wraps, has this text in it, with the same capitals

	Since time.Time // in their state at this time or later, see [Letter.Since]: failed, requeued or discarded
	Until time.Time // before this time

	After uint64 // above this ID; with Limit, how one goes on to the next page
	UpTo  uint64 // at or below this ID; zero: up to the last one that there is when it begins
	Limit int64  // at most so many, the oldest; zero means no limit
}

// Validate returns an error that names every faulty field at once.
func (f Filter) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("deadletters.Filter: "+format, args...))
		}
	}
	fault(f.Stream != "" && !isToken(f.Stream), "Stream is %q, which is no stream's name", f.Stream)
	for _, state := range f.States {
		fault(!state.Valid(), "States has %q, which is none of %v", state, States())
	}
	fault(f.Consumer != "" && !isToken(f.Consumer), "Consumer is %q, which is no consumer's name", f.Consumer)
	for _, reason := range f.Reasons {
		fault(!slices.Contains(Reasons(), reason), "Reasons has %q, which is none of %v", reason, Reasons())
	}
	fault(f.Category != "" && contrail.NewStreamID(f.Category, "1").Validate() != nil, "Category is %q, must be letters, digits and '_'", f.Category)
	if f.Type != "" {
		faults = append(faults, prefixed("deadletters.Filter: Type: ", contrail.Event{Type: f.Type}.Validate()))
	}
	if !f.EventStream.IsZero() {
		faults = append(faults, prefixed("deadletters.Filter: EventStream: ", f.EventStream.Validate()))
	}
	gone := slices.Contains(f.States, Discarded)
	fault(gone && !f.EventStream.IsZero(), "EventStream is set, but of discarded letters it is not known: their payload is deleted")
	fault(gone && f.Tenant != "", "Tenant is set, but of discarded letters it is not known: their payload is deleted")
	fault(!f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until), "Since is %s, must be before Until %s", f.Since, f.Until)
	fault(f.UpTo > 0 && f.UpTo <= f.After, "UpTo is %d, must be above After %d", f.UpTo, f.After)
	fault(f.Limit < 0, "Limit is %d, must not be negative", f.Limit)
	return errors.Join(faults...)
}

func prefixed(prefix string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s%w", prefix, err)
}

func (f Filter) withDefaults() Filter {
	if f.Stream == "" {
		f.Stream = wire.DefaultDeadLetters
	}
	if len(f.States) == 0 {
		f.States = []State{Dead}
	}
	return f
}

// needsPayload tells whether headers and subjects are not enough to select by.
func (f Filter) needsPayload() bool {
	ofEvents := f.Category != "" || f.Type != ""
	return !f.EventStream.IsZero() || f.Tenant != "" || ofEvents && slices.Contains(f.States, Requeued)
}

// selects tells whether a letter is meant.
func (f Filter) selects(l Letter) bool {
	switch {
	case !slices.Contains(f.States, l.State),
		f.Consumer != "" && l.Consumer != f.Consumer,
		len(f.Reasons) > 0 && !slices.Contains(f.Reasons, l.Reason),
		f.Category != "" && l.category() != f.Category,
		f.Type != "" && l.eventType() != f.Type,
		!f.EventStream.IsZero() && (l.Event == nil || l.Event.Stream != f.EventStream),
		f.Tenant != "" && (l.Event == nil || l.Event.Metadata[contrail.KeyTenantID] != f.Tenant),
		!f.Since.IsZero() && l.Since().Before(f.Since),
		!f.Until.IsZero() && !l.Since().Before(f.Until):
		return false
	}
	says := func(text string) bool { return strings.Contains(text, f.ErrorContains) }
	return says(l.Error) || slices.ContainsFunc(l.ErrorChain, says)
}
