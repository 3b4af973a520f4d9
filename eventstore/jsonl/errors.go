package jsonl

import (
	"errors"
	"fmt"
)

// ErrOtherInput says that an import was to go on in an input that does not begin as the one that it had begun with.
var ErrOtherInput = errors.New("this is not the input that was imported before")

// ErrImportRunning says that another import of the same name went on meanwhile.
var ErrImportRunning = errors.New("another import of this name is running")

// ErrInDoubt says that the connection was lost while the last transaction was being committed, so that it may or may not have taken effect. With
// Resume the next call finds out; without, look whether the last event is there before you import again.
var ErrInDoubt = errors.New("the connection was lost during the commit, which may have taken effect")

// LineError names the line of the input that can't be taken, and wraps the reason: a [contrail.InvalidError] for what is no event,
// an [eventstore.ConflictError] for a version that does not follow, an [eventstore.DuplicateError] for an id that is taken.
type LineError struct {
	Line int64 // the first line is 1; blank lines count
	Err  error
}

// Error is one line of text.
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns the reason.
func (e *LineError) Unwrap() error { return e.Err }
