package steps

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/contrail-events/contrail/internal/sqltext"
)

// Filter selects runs. Fields that are set narrow it down together; the zero value selects all.
type Filter struct {
	Workflow  string    // of this workflow
	Statuses  []Status  // that stand like one of these
	Tenant    string    // of this tenant
	KeyPrefix string    // whose key begins like this
	Since     time.Time // begun at this time or later
	Until     time.Time // begun before this time

	Failing       bool          // whose present step has failed, and is tried again
	Overdue       time.Duration // due for longer than this, and performed by nobody
	ErrorContains string        // whose last error, or reason, has this text in it, with the same capitals

	Before string // begun before the run with this key: with Limit, how one goes on to the next page
	Limit  int64  // at most so many, the newest; zero means no limit
}

// Validate returns an error that names every faulty field at once.
func (f Filter) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("steps.Filter: "+format, args...))
		}
	}
	for _, status := range f.Statuses {
		fault(!slices.Contains(Statuses(), status), "Statuses has %q, which is none of %v", status, Statuses())
	}
	for _, text := range []struct{ field, value string }{
		{"Workflow", f.Workflow}, {"Tenant", f.Tenant}, {"KeyPrefix", f.KeyPrefix}, {"ErrorContains", f.ErrorContains}, {"Before", f.Before},
	} {
		fault(!sqltext.IsText(text.value), "%s is %q, must be UTF-8 without NUL", text.field, text.value)
	}
	fault(!f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until), "Since is %s, must be before Until %s",
		f.Since.Format(time.RFC3339), f.Until.Format(time.RFC3339))
	fault(f.Overdue < 0, "Overdue is %v, must not be negative", f.Overdue)
	fault(f.Limit < 0, "Limit is %d, must not be negative", f.Limit)
	return errors.Join(faults...)
}

// args are those of the statements, in their order.
func (f Filter) args() []any {
	return []any{
		f.Statuses, f.Workflow, f.Tenant, f.KeyPrefix, orNull(f.Since), orNull(f.Until), f.Failing, f.Overdue.Seconds(), f.ErrorContains,
	}
}

// Statuses are all there are, those of runs that go on first.
func Statuses() []Status {
	return []Status{Ready, Waiting, Cancelling, Compensating, Halted, Finished, Failed, Cancelled}
}
