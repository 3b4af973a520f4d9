package contrail

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrConflict says that a stream was not at the version the caller expected. The event store wraps it with what it found; load the
// stream again and decide anew.
var ErrConflict = errors.New("version conflict")

// ErrInvalid says that something can't be appended or published as it is. Every [*InvalidError] wraps it.
var ErrInvalid = errors.New("invalid")

// InvalidError names the thing that is invalid, its value and the reason.
type InvalidError struct {
	What   string // such as "stream" or "metadata key"
	Value  string
	Reason string // completes the sentence "stream "x" …"
}

// Error is one line, with at most the first hundred bytes of the value.
func (e *InvalidError) Error() string {
	value := strings.ToValidUTF8(e.Value, string(utf8.RuneError))
	if len(value) > 100 {
		value = strings.ToValidUTF8(value[:100], "") + "…"
	}
	return fmt.Sprintf("%s %q %s", e.What, value, e.Reason)
}

// Unwrap returns [ErrInvalid].
func (e *InvalidError) Unwrap() error { return ErrInvalid }
