// Package backoff computes the time between a failure and the next try, for all that have a Backoff in their Config.
package backoff

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Backoff is what the exported ones are made of.
type Backoff struct {
	Min, Max time.Duration
	Schedule []time.Duration // instead of the two
}

// Validate expects the defaults to be filled in. No delay may be longer than most, which must be far from an overflow.
func (t Backoff) Validate(most time.Duration) error {
	for i, delay := range t.Schedule {
		if delay < 0 || delay > most {
			return fmt.Errorf("Backoff: Schedule[%d] is %v, not between 0 and %v", i, delay, most)
		}
	}
	if t.Min < 0 || t.Max < t.Min || t.Max > most {
		return fmt.Errorf("Backoff: Min %v and Max %v must be above zero, Max not below Min and not above %v", t.Min, t.Max, most)
	}
	return nil
}

// Delay is the time to wait after the failure with this number, counted from 1: by the schedule, whose last entry counts for all that follow, or
// Min, doubled with each failure up to Max, and of that a random part between a half and the whole.
func (t Backoff) Delay(failure int) time.Duration {
	if n := len(t.Schedule); n > 0 {
		return t.Schedule[min(max(failure, 1), n)-1]
	}
	whole := t.Min
	for i := 1; i < failure && whole < t.Max; i++ {
		whole *= 2
	}
	whole = min(whole, t.Max)
	return whole - rand.N(whole/2+1) //nolint:gosec // jitter needs no secret
}
