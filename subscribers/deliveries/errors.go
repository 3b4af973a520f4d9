package deliveries

import (
	"errors"
	"fmt"
)

// ErrNotFound says that there is no such delivery, or that it is not the caller's to see: the two can't be told apart.
var ErrNotFound = errors.New("no such delivery")

type temporaryError struct{ error }

func (e temporaryError) Unwrap() error { return e.error }

// Temporary marks err as one that may be over when it is tried again. It returns nil for a nil err. [contrail.RetryAfter] says the same with a delay.
func Temporary(err error) error {
	if err == nil {
		return nil
	}
	return temporaryError{err}
}

type bouncedError struct{ error }

func (e bouncedError) Unwrap() error { return e.error }

// Bounced marks err as one that says that the recipient can't be reached there: the delivery is cancelled. It returns nil for a nil err.
func Bounced(err error) error {
	if err == nil {
		return nil
	}
	return bouncedError{err}
}

type ambiguousError struct{ error }

func (e ambiguousError) Unwrap() error { return e.error }

// Ambiguous marks err as one that does not tell whether the call took effect, such as a connection that broke before the answer came:
// [Policy.Ambiguous] decides. It returns nil for a nil err.
func Ambiguous(err error) error {
	if err == nil {
		return nil
	}
	return ambiguousError{err}
}

// PanicError is the panic of an adapter or a rule as an error.
type PanicError struct {
	Value any
	At    string // function, file and line where it began
	Stack []byte
}

// Error is one line, without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v, at %s", e.Value, e.At) }

// Unwrap returns the value if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
