package steps

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/contrail-events/contrail"
)

// Conditions that Run tells of, by errors that wrap them.
var (
	// ErrArgsMismatch says that the run was begun with other args. It is marked with [contrail.Permanent].
	ErrArgsMismatch = errors.New("the run was begun with other args")

	// ErrDefinitionMismatch says that the run was begun with other steps: see [DefinitionMismatchError].
	ErrDefinitionMismatch = errors.New("the run was begun with other steps")

	// ErrLocked says that somebody else performs the run: see [LockedError].
	ErrLocked = errors.New("the run is being performed")

	// ErrLockLost says that the run was taken over or cancelled while this process performed it. The step that was under way was rolled
	// back.
	ErrLockLost = errors.New("the run's lock was lost")

	// ErrWaiting says that the run has not ended, and is not due: see [WaitingError].
	ErrWaiting = errors.New("the run is waiting")

	// ErrHalted says that the run goes on when a person says so: see [HaltedError].
	ErrHalted = errors.New("the run is halted")

	// ErrFailed says that a step has failed for good: see [FailedError].
	ErrFailed = errors.New("the run has failed")

	// ErrCancelled says that somebody has cancelled the run: see [CancelledError].
	ErrCancelled = errors.New("the run was cancelled")

	// ErrGoexit says that a step has ended its goroutine by runtime.Goexit.
	ErrGoexit = errors.New("the step called runtime.Goexit")
)

// DefinitionMismatchError tells which steps a run was begun with. Its Unwrap is [ErrDefinitionMismatch].
type DefinitionMismatchError struct {
	Run        string // the key
	Begun, Now []string
}

// Error names the first step that differs.
func (e *DefinitionMismatchError) Error() string {
	at := 0
	for at < len(e.Begun) && at < len(e.Now) && e.Begun[at] == e.Now[at] {
		at++
	}
	name := func(list []string) string {
		if at < len(list) {
			return fmt.Sprintf("%q", list[at])
		}
		return "missing"
	}
	return fmt.Sprintf("run %s: %v: step %d was %s, and is %s (%s; now %s); let it end with the former ones, or begin another one with another key",
		e.Run, ErrDefinitionMismatch, at+1, name(e.Begun), name(e.Now), strings.Join(e.Begun, ", "), strings.Join(e.Now, ", "))
}

// Unwrap returns [ErrDefinitionMismatch].
func (e *DefinitionMismatchError) Unwrap() error { return ErrDefinitionMismatch }

// LockedError tells who performs a run. It wraps [ErrLocked], and asks subscriptions for another delivery at the end of the lease.
type LockedError struct {
	Run   string // the key
	By    string // a process, as in host:1234
	Until time.Time
	left  time.Duration
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("run %s: %v by %s, whose lease ends at %s unless it is renewed", e.Run, ErrLocked, e.By, e.Until.UTC().Format(time.RFC3339))
}

// Unwrap returns [ErrLocked], with the delay of [contrail.RetryAfter].
func (e *LockedError) Unwrap() error { return contrail.RetryAfter(e.left, ErrLocked) }

// WaitingError tells what a run waits for. It wraps [ErrWaiting], and asks subscriptions for another delivery when the run is due.
type WaitingError struct {
	Run    string    // the key
	Step   string    // that waits
	Until  time.Time // when it is due, or looked at again
	Awaits []string  // the keys of other runs, of which some have not ended
	left   time.Duration
}

func (e *WaitingError) Error() string {
	if len(e.Awaits) > 0 {
		return fmt.Sprintf("run %s: %v in step %q for the runs %s", e.Run, ErrWaiting, e.Step, clean(strings.Join(e.Awaits, ", ")))
	}
	return fmt.Sprintf("run %s: %v in step %q until %s", e.Run, ErrWaiting, e.Step, e.Until.UTC().Format(time.RFC3339))
}

// Unwrap returns [ErrWaiting], with the delay of [contrail.RetryAfter].
func (e *WaitingError) Unwrap() error { return contrail.RetryAfter(e.left, ErrWaiting) }

// HaltedError tells why a run is halted. It wraps [ErrHalted], and is marked with [contrail.Permanent]: no delivery will cure it.
type HaltedError struct {
	Run    string // the key
	Step   string // that goes on
	Reason string
}

func (e *HaltedError) Error() string {
	return fmt.Sprintf("run %s: %v in step %q: %s; see `contrail runs show`, and let it go on by `contrail runs retry`", e.Run, ErrHalted, e.Step, e.Reason)
}

// Unwrap returns [ErrHalted], marked with [contrail.Permanent].
func (e *HaltedError) Unwrap() error { return contrail.Permanent(ErrHalted) }

// FailedError is what a run has come to whose step has failed for good. It wraps [ErrFailed], and is marked with [contrail.Permanent].
type FailedError struct {
	Run    string // the key
	Reason string // the step, and its error, as text
}

func (e *FailedError) Error() string {
	return fmt.Sprintf("run %s: %v: %s", e.Run, ErrFailed, e.Reason)
}

// Unwrap returns [ErrFailed], marked with [contrail.Permanent].
func (e *FailedError) Unwrap() error { return contrail.Permanent(ErrFailed) }

// CancelledError is what a run has come to that somebody has cancelled. It wraps [ErrCancelled], and is marked with [contrail.Permanent].
type CancelledError struct {
	Run    string // the key
	Reason string
}

func (e *CancelledError) Error() string {
	return fmt.Sprintf("run %s: %v: %s", e.Run, ErrCancelled, e.Reason)
}

// Unwrap returns [ErrCancelled], marked with [contrail.Permanent].
func (e *CancelledError) Unwrap() error { return contrail.Permanent(ErrCancelled) }

// StepError is a step's error that was recorded: the run stands where it stood, and may be begun again at once. It asks subscriptions for another delivery when the
// backoff is over.
type StepError struct {
	Run     string // the key
	Step    string
	Failure int           // the first, the second … in a row
	Delay   time.Duration // until a worker would try it again
	Err     error         // the step's
}

func (e *StepError) Error() string {
	return fmt.Sprintf("run %s: step %q has failed, for the %s: %v", e.Run, e.Step, times(e.Failure), e.Err)
}

// Unwrap returns the step's error, with the delay of [contrail.RetryAfter].
func (e *StepError) Unwrap() error { return contrail.RetryAfter(e.Delay, e.Err) }

func times(n int) string {
	words := []string{"first time", "second time", "third time"}
	if n >= 1 && n <= len(words) {
		return words[n-1]
	}
	return fmt.Sprintf("%dth time", n)
}

// isPermanent looks for the mark on the step's own error: a run that a step has begun, and that has failed, fails this one, too.
func isPermanent(err error) bool {
	return contrail.IsPermanent(err) && !slices.ContainsFunc([]error{ErrLockLost, ErrLocked, ErrWaiting}, func(other error) bool { return errors.Is(err, other) })
}
