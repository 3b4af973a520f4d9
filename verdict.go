package contrail

import (
	"errors"
	"time"
)

// A handler speaks to its subscription through the error it returns: nil for done, one of the three below, or any other error for
// "try again with backoff".

type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// Permanent marks err as one that no retry will cure: the event becomes a dead letter at once. It returns nil for a nil err.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

// IsPermanent tells whether err, or an error that it wraps, was marked with [Permanent].
func IsPermanent(err error) bool {
	_, ok := errors.AsType[permanentError](err)
	return ok
}

type retryError struct {
	error

	delay time.Duration
}

func (e retryError) Unwrap() error { return e.error }

// RetryAfter asks for the next delivery after delay, instead of after the subscription's own backoff. It returns nil for a nil err.
func RetryAfter(delay time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return retryError{err, delay}
}

// RetryDelay returns the delay that [RetryAfter] put on err, if it did.
func RetryDelay(err error) (time.Duration, bool) {
	retry, ok := errors.AsType[retryError](err)
	return retry.delay, ok
}

type skipError struct{ reason string }

func (e skipError) Error() string { return "skipped: " + e.reason }

// Skip says that the event needs no handling: it is acknowledged, and counted with its reason.
func Skip(reason string) error { return skipError{reason} }

// SkipReason returns the reason given to [Skip], if err is a skip.
func SkipReason(err error) (string, bool) {
	skip, ok := errors.AsType[skipError](err)
	return skip.reason, ok
}
