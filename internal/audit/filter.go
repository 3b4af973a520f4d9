package audit

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/contrail-events/contrail/internal/sqltext"
)

// DefaultLimit is how many entries List returns where the filter has no Limit, and MostEntries the most that one may ask for.
const (
	DefaultLimit = 50
	MostEntries  = 500
)

// Filter selects entries. Fields that are set narrow it down together.
type Filter struct {
	Who     string    // by this user
	Action  string    // with this name, as in relay.pause; one that ends in a dot, as in "relay.", is a beginning
	Outcome Outcome   // that have ended so
	From    time.Time // begun then or later
	To      time.Time // begun before
	Before  int64     // older than the entry with this id; zero: the newest
	After   int64     // newer than the entry with this id, the oldest of them; zero: no bound. Not together with Before
	Limit   int       // at most so many; zero means [DefaultLimit]
}

// Validate returns an error that names every faulty field at once.
func (f Filter) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("audit.Filter: "+format, args...))
		}
	}
	fault(!sqltext.IsText(f.Who), "Who is %q, must be UTF-8 without NUL", f.Who)
	fault(!sqltext.IsText(f.Action), "Action is %q, must be UTF-8 without NUL", f.Action)
	fault(f.Outcome != "" && !slices.Contains(Outcomes(), f.Outcome), "Outcome is %q, which is none of %v", f.Outcome, Outcomes())
	fault(f.Before < 0, "Before is %d, must not be negative", f.Before)
	fault(f.After < 0, "After is %d, must not be negative", f.After)
	fault(f.Before > 0 && f.After > 0, "Before and After are both set, which go two ways")
	fault(f.Limit < 0 || f.Limit > MostEntries, "Limit is %d, must be 0 to %d", f.Limit, MostEntries)
	return errors.Join(faults...)
}

// where walks audit_who, audit_action or the primary key, in the order of ids.
func (f Filter) where() *sqltext.Where {
	w := &sqltext.Where{}
	if f.Who != "" {
		w.And(`who = ?`, f.Who)
	}
	if length := len(f.Action); length > 0 && f.Action[length-1] == '.' {
		w.And(`starts_with(action, ?)`, f.Action)
	} else if length > 0 {
		w.And(`action = ?`, f.Action)
	}
	if f.Outcome != "" {
		w.And(`outcome = ?`, f.Outcome)
	}
	if !f.From.IsZero() {
		w.And(`began_at >= ?`, f.From)
	}
	if !f.To.IsZero() {
		w.And(`began_at < ?`, f.To)
	}
	if f.Before > 0 {
		w.And(`id < ?`, f.Before)
	}
	if f.After > 0 {
		w.And(`id > ?`, f.After)
	}
	return w
}
