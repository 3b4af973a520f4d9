package parked

import (
	"errors"
	"fmt"

	"github.com/contrail-events/contrail/internal/sqltext"
)

// Decision is who decides, and why; both are kept beside the event until the next decision.
type Decision struct {
	By   string // who, such as user@host; required
	Note string // why; required to discard
}

// validate names every faulty field at once.
func (d Decision) validate(needsNote bool) error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("parked.Decision: "+format, args...))
		}
	}
	fault(d.By == "", "By is empty, must say who decides")
	fault(!sqltext.IsText(d.By), "By is %q, must be UTF-8 without NUL", d.By)
	fault(needsNote && d.Note == "", "Note is empty, must say why the events shall never be published")
	fault(!sqltext.IsText(d.Note), "Note is %q, must be UTF-8 without NUL", d.Note)
	return errors.Join(faults...)
}
