package doctor

import "fmt"

// Severity is how bad a finding is.
type Severity string

// The severities, in ascending order.
const (
	OK      Severity = "ok"      // as it should be
	Note    Severity = "note"    // worth knowing; or a check that could not be made
	Warning Severity = "warning" // harm may come of it, or a person is to decide
	Danger  Severity = "danger"  // a promise is broken, or will be when something else goes wrong
)

// rank orders severities. One that does not exist ranks below all.
func (s Severity) rank() int {
	switch s {
	case Danger:
		return 4
	case Warning:
		return 3
	case Note:
		return 2
	case OK:
		return 1
	}
	return 0
}

// AtLeast tells whether it is as bad as other, or worse.
func (s Severity) AtLeast(other Severity) bool { return s.rank() >= other.rank() }

// Finding is what a check has found. What, Why and Do are sentences without a full stop, in lower case; Why and Do are empty where all is well.
type Finding struct {
	Check    string         `json:"check"`
	Severity Severity       `json:"severity"`
	What     string         `json:"what"`             // is so
	Why      string         `json:"why,omitempty"`    // that matters
	Do       string         `json:"do,omitempty"`     // what a person should do
	Values   map[string]any `json:"values,omitempty"` // the figures and names behind it, for programs
}

// values are a finding's.
type values = map[string]any

// good is the only finding of a check that has nothing to say.
func good(with values, format string, args ...any) []Finding {
	return []Finding{{Severity: OK, What: fmt.Sprintf(format, args...), Values: with}}
}

// noted is the only finding of a check that has no subject, or can't see it.
func noted(what, do string) []Finding {
	return []Finding{{Severity: Note, What: what, Do: do}}
}

// orGood is what was found, or that all is well.
func orGood(found []Finding, with values, format string, args ...any) []Finding {
	if len(found) > 0 {
		return found
	}
	return good(with, format, args...)
}

// graded is the severity of a figure that should stay below both bounds.
func graded[T ~int64 | ~float64](figure, warning, danger T) Severity {
	switch {
	case figure >= danger:
		return Danger
	case figure >= warning:
		return Warning
	}
	return OK
}
