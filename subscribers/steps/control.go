package steps

import (
	"errors"
	"fmt"
	"time"
)

// controlError is what a step returns to have its transaction committed, and the same step performed again.
type controlError struct {
	what   string // for the log
	status Status
	delay  time.Duration
	until  time.Time // zero: after delay
	reason string
	awaits []string
}

func (e *controlError) Error() string {
	switch {
	case e.status == Halted:
		return "halted: " + e.reason
	case e.status == Waiting && !e.until.IsZero():
		return "waits until " + e.until.UTC().Format(time.RFC3339)
	case e.status == Waiting:
		return fmt.Sprintf("waits for %v", e.delay)
	}
	return "is repeated"
}

// Repeat is what a step returns to commit its transaction and have the same step performed again at once, with a [State.Round] that is one
// higher; for a list, with the same element.
func Repeat() error { return &controlError{what: whatRepeated, status: Ready} }

// Wait is what a step returns to commit its transaction and have the same step performed again after delay, whichever process does it then: the
// timer is in the database. The [State.Round] is one higher then. With a delay of zero or less it is due at once, for others, too.
func Wait(delay time.Duration) error {
	return &controlError{what: whatWaiting, status: Waiting, delay: max(delay, 0)}
}

// WaitUntil is [Wait] until a time.
func WaitUntil(until time.Time) error {
	return &controlError{what: whatWaiting, status: Waiting, until: until}
}

// Halt is what a step returns to commit its transaction and stop the run until a person has it go on, by `contrail runs retry`: with the same step again,
// with a [State.Round] that is one higher, so that the step can look at what the person has done. The reason is for that person.
func Halt(reason string) error {
	return &controlError{what: whatHalted, status: Halted, reason: reason}
}

func controlOf(err error) (*controlError, bool) { return errors.AsType[*controlError](err) }

// What the log says of steps, and of runs. succeeded is unique for a step of a run.
const (
	whatSucceeded = "succeeded"
	whatErrored   = "errored"
	whatRepeated  = "repeated"
	whatWaiting   = "waiting"
	whatHalted    = "halted"
	whatListed    = "listed"     // the elements of a list are known
	whatElement   = "element"    // one of them is done
	whatFailed    = "failed"     // for good
	whatUndone    = "undone"     // a step
	whatUndoing   = "undoing"    // what a run has done that was cancelled
	whatTakenOver = "taken over" // from a process that is taken for dead
)
