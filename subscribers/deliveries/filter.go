package deliveries

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/sqltext"
)

// Filter selects deliveries. Fields that are set narrow it down together.
type Filter struct {
	Tenant string // of events of this tenant; empty: of whatever tenant, and of none

	Consumer  string // in this consumer's ledger
	Channel   string
	Recipient string
	States    []State    // in one of these; none: in any
	Standings []Standing // in one of these; none: in any
	Reasons   []Reason   // for one of these; none: for any
	Event     uuid.UUID  // of this event
	Stream    contrail.StreamID
	Type      string // of events of this type

	Since time.Time // planned at this time or later
	Until time.Time // planned before this time

	LastRound   bool      // no deliveries of which a person has had a new one planned
	OldestFirst bool      // else the newest come first
	After       uuid.UUID // behind this one in that order; with Limit, how one goes on to the next page
	Limit       int64     // at most so many; zero means no limit
}

// Validate returns an error that names every faulty field at once.
func (f Filter) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("deliveries.Filter: "+format, args...))
		}
	}
	for _, field := range []struct{ name, text string }{
		{"Tenant", f.Tenant}, {"Consumer", f.Consumer}, {"Channel", f.Channel}, {"Recipient", f.Recipient}, {"Type", f.Type},
	} {
		fault(!sqltext.IsText(field.text), "%s is %q, must be UTF-8 without NUL", field.name, field.text)
	}
	for _, state := range f.States {
		fault(!slices.Contains(States(), state), "States has %q, which is none of %v", state, States())
	}
	for _, standing := range f.Standings {
		fault(!slices.Contains(Standings(), standing), "Standings has %q, which is none of %v", standing, Standings())
	}
	for _, reason := range f.Reasons {
		fault(!sqltext.IsText(string(reason)), "Reasons has %q, must be UTF-8 without NUL", reason)
	}
	if !f.Stream.IsZero() {
		err := f.Stream.Validate()
		fault(err != nil, "Stream: %w", err)
	}
	fault(!f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until), "Since is %s, must be before Until %s", f.Since, f.Until)
	fault(f.Limit < 0, "Limit is %d, must not be negative", f.Limit)
	return errors.Join(faults...)
}

// where is what the filter says of a delivery d, its event e and its last attempt a. With a consumer and states it walks the index
// deliveries_list, with an event deliveries_event, else the primary key.
func (f Filter) where() *sqltext.Where {
	w := &sqltext.Where{}
	for _, field := range []struct{ column, value string }{
		{`d.tenant`, f.Tenant}, {`d.consumer`, f.Consumer}, {`d.channel`, f.Channel}, {`d.recipient`, f.Recipient}, {`e.type`, f.Type},
	} {
		if field.value != "" {
			w.And(field.column+` = ?`, field.value)
		}
	}
	if len(f.States) > 0 {
		w.And(`d.state = ANY(?)`, f.States)
	}
	if len(f.Standings) > 0 {
		var states []State // for the index
		for _, standing := range f.Standings {
			states = append(states, standing.states()...)
		}
		w.And(`d.state = ANY(?) AND `+standingSQL+` = ANY(?)`, states, f.Standings)
	}
	if len(f.Reasons) > 0 {
		w.And(`d.reason = ANY(?)`, f.Reasons)
	}
	if f.Event != uuid.Nil {
		w.And(`d.event = ?`, f.Event)
	}
	if !f.Stream.IsZero() {
		w.And(`e.stream = ?`, f.Stream.String())
	}
	if !f.Since.IsZero() {
		w.And(`d.planned_at >= ?`, f.Since)
	}
	if !f.Until.IsZero() {
		w.And(`d.planned_at < ?`, f.Until)
	}
	if f.LastRound {
		w.And(`NOT EXISTS (SELECT FROM ` + laterSQL + `)`)
	}
	return w
}

// laterSQL are the deliveries that were planned because a person had a delivery d, which had ended, sent again.
const laterSQL = `contrail.deliveries later WHERE later.consumer = d.consumer AND later.event = d.event AND later.channel = d.channel
	AND later.recipient = d.recipient AND later.round > d.round`
