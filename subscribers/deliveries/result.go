package deliveries

import "time"

// Result is what became of a delivery that was to be attempted.
type Result struct {
	// Begun tells that an attempt was begun, and the adapter called unless Err says that it was not. Otherwise the delivery had ended, was not due, was another process's, was over its bound, a rule
	// has suppressed or deferred it, or its event could not be read: State and Reason tell. They are empty if somebody else has it in hand.
	Begun bool

	State  State
	Reason Reason
	Due    time.Time // when it may be attempted next; zero: it has ended, somebody else has it in hand, or it is held for a person

	// Of the attempt, if there was one:

	Attempt  int
	Outcome  Outcome
	Class    Class
	Receipt  Receipt       // as it is kept
	Duration time.Duration // of the call
	Err      error         // the adapter's own

	// Late tells that the outcome came when the attempt had become ambiguous: it is kept with it, and changed nothing.
	Late bool
}
