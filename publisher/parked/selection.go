package parked

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/sqltext"
)

// Selection is which events are to be changed. Make one with [At], [Seen] or [Matching]; the zero value selects nothing.
type Selection struct {
	named  map[key]time.Time // when each was changed last, as far as the person knows; zero: whenever
	filter *Filter
}

// At selects the events at these positions; relay is the JetStream stream. Each of them has its [Outcome], also where there is no such event.
func At(relay string, positions ...contrail.Position) Selection {
	s := Selection{named: map[key]time.Time{}}
	for _, position := range positions {
		s.named[key{relay, int64(position)}] = time.Time{}
	}
	return s
}

// Seen selects these events, and lets alone one that has changed since it was read: for a page that somebody has looked at for a while.
func Seen(events ...Event) Selection {
	s := Selection{named: map[key]time.Time{}}
	for _, event := range events {
		s.named[key{event.Relay, int64(event.Position)}] = event.ChangedAt
	}
	return s
}

// Matching selects what a filter does. One that names no states means those that the change is about: [Requeue] and [Discard]: parked events,
// [Withdraw]: requeued ones, [Purge]: published and discarded ones. What is held is discarded, and what is discarded requeued, only
// where the filter names these states. With a limit, the lowest positions are meant.
func Matching(filter Filter) Selection { return Selection{filter: &filter} }

// validate names every faulty field at once; legal are the states that the change can begin with.
func (s Selection) validate(verb string, legal []State) error {
	var faults []error
	for _, k := range s.keys() {
		if k.relay == "" || !sqltext.IsText(k.relay) {
			faults = append(faults, fmt.Errorf("parked.Selection: the relay of position %d is %q, must name a JetStream stream", k.position, k.relay))
		}
		if k.position < 1 {
			faults = append(faults, fmt.Errorf("parked.Selection: position %d must be above zero", k.position))
		}
	}
	if s.filter == nil {
		return errors.Join(faults...)
	}
	faults = append(faults, s.filter.Validate())
	if s.filter.Backwards {
		faults = append(faults, errors.New("parked.Filter: Backwards is set, but a change goes from the lowest position up"))
	}
	for _, state := range s.filter.States {
		if state.Valid() && !slices.Contains(legal, state) {
			faults = append(faults, fmt.Errorf("parked.Filter: States has %s; to %s takes one of %v", state, verb, legal))
		}
	}
	return errors.Join(faults...)
}

// where selects by key, or by what the filter says.
func (s Selection) where(usual []State) *sqltext.Where {
	if s.filter != nil {
		return s.filter.or(usual).where()
	}
	relays, positions := columnsOf(s.keys())
	w := &sqltext.Where{}
	w.And(`(p.relay, p.position) IN (SELECT * FROM unnest(?::text[], ?::bigint[]))`, relays, positions)
	return w
}

// limit is how many at most; zero means no limit.
func (s Selection) limit() int64 {
	if s.filter == nil {
		return 0
	}
	return s.filter.Limit
}

// isStale tells whether an event has changed since it was seen.
func (s Selection) isStale(k key, changedAt time.Time) bool {
	seen := s.named[k]
	return !seen.IsZero() && !seen.Equal(changedAt)
}

// keys are those of the named events, in order.
func (s Selection) keys() []key { return slices.SortedFunc(maps.Keys(s.named), key.compare) }

// key is the primary key of contrail.parked.
type key struct {
	relay    string
	position int64
}

func (k key) compare(other key) int {
	return cmp.Or(strings.Compare(k.relay, other.relay), cmp.Compare(k.position, other.position))
}

// columnsOf are what a statement takes apart with unnest.
func columnsOf(keys []key) (relays []string, positions []int64) {
	for _, k := range keys {
		relays, positions = append(relays, k.relay), append(positions, k.position)
	}
	return relays, positions
}
