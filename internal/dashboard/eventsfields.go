package dashboard

import (
	"fmt"
	"strings"
	"time"
)

// fieldFaults collects what is wrong with the fields of an address or a form, so that all of it is told at once.
type fieldFaults struct{ faults []string }

// check notes a fault of a field unless it is well.
func (f *fieldFaults) check(name string, well bool, format string, args ...any) {
	if !well {
		f.faults = append(f.faults, name+" "+fmt.Sprintf(format, args...))
	}
}

// err is all that is wrong; nil: nothing is.
func (f *fieldFaults) err() error {
	if len(f.faults) == 0 {
		return nil
	}
	return errBadInput(strings.Join(f.faults, "; "))
}

// moment reads a time: as a browser's field writes it, in the zone that is shown; in RFC 3339; a day; or how long ago. Empty is the zero time.
func (f *fieldFaults) moment(name, text string, r *request) time.Time {
	if text == "" {
		return time.Time{}
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, r.zone); err == nil {
			return at
		}
	}
	if ago, err := agoOf(text); err == nil {
		return r.now.Add(-ago)
	}
	f.check(name, false, "%q is no time, such as 2026-11-21T20:15:04Z, 2026-11-21 or 2h, which is how long ago", text)
	return time.Time{}
}

// agoOf is a duration, which may have days.
func agoOf(text string) (time.Duration, error) {
	if days, found := strings.CutSuffix(text, "d"); found {
		ago, err := time.ParseDuration(days + "h")
		return 24 * ago, err //nolint:wrapcheck // the caller says what is wrong
	}
	return time.ParseDuration(text) //nolint:wrapcheck // likewise
}
