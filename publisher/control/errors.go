package control

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNotFound says that there is no such relay: it has ended, or the name is wrong.
var ErrNotFound = errors.New("there is no such relay")

// AmbiguousError says that a name means several relays.
type AmbiguousError struct {
	Name    string
	Matches []Relay
}

// Error names them.
func (e *AmbiguousError) Error() string {
	matches := make([]string, len(e.Matches))
	for n, match := range e.Matches {
		matches[n] = fmt.Sprintf("%s (%s)", match.ID, match.Identity)
	}
	return fmt.Sprintf("%q means %d relays: %s; give more of the id", e.Name, len(e.Matches), strings.Join(matches, ", "))
}

// PendingError says that what was asked for is not so yet. It wraps the reason why nobody waits any longer: context.DeadlineExceeded, say.
type PendingError struct {
	What string // the whole sentence but its end, as in "relay host:1 is not paused: it is leading"
	Err  error
}

// Error is one line.
func (e *PendingError) Error() string { return e.What }

// Unwrap returns why nobody waits any longer.
func (e *PendingError) Unwrap() error { return e.Err }
