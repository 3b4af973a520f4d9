package eventstore

import (
	"fmt"
	"time"
)

// Defaults of a [Wake].
const (
	DefaultSafetyRead   = 5 * time.Second
	DefaultPollInterval = time.Second
)

// Wake is how a reader that has nothing to do learns of new events. The zero value is Notify(0). Make another with [Notify] or [Poll].
type Wake struct {
	polls    bool
	interval time.Duration
}

// Notify wakes a reader when an append commits, within milliseconds and without a NOTIFY in every commit, and has it read every
// safetyRead besides: 0 means [DefaultSafetyRead]. That is all an idle reader asks of the database. It needs a session of its own: directly, or
// through a proxy in session mode.
func Notify(safetyRead time.Duration) Wake { return Wake{interval: safetyRead} }

// Poll has a reader read every interval: 0 means [DefaultPollInterval]. It needs no session and works through a proxy that pools
// transactions, such as PgBouncer with pool_mode = transaction; an event waits for half the interval on average.
func Poll(interval time.Duration) Wake { return Wake{polls: true, interval: interval} }

// Polls tells Poll from Notify.
func (w Wake) Polls() bool { return w.polls }

// Interval is the longest time between two reads of an idle reader.
func (w Wake) Interval() time.Duration {
	switch {
	case w.interval != 0:
		return w.interval
	case w.polls:
		return DefaultPollInterval
	}
	return DefaultSafetyRead
}

// Validate refuses a negative duration.
func (w Wake) Validate() error {
	if w.interval >= 0 {
		return nil
	}
	return fmt.Errorf("%s, must not be negative", w)
}

// String is for people, as in "poll interval is 1s".
func (w Wake) String() string {
	if w.polls {
		return "poll interval is " + w.Interval().String()
	}
	return "safety read is " + w.Interval().String()
}
