package subscribers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Backoff is the time between two tries: Min after the first failure, doubled with each one up to Max, and of that a random part between
// a half and the whole, so that what failed together does not come back together.
type Backoff struct {
	Min time.Duration // default: 500 ms
	Max time.Duration // default: 1 min

	// Schedule, if it is given, is the time to wait after the first failure, the second one and so on, exactly, instead of Min and Max; the last
	// one counts for all that follow.
	Schedule []time.Duration
}

func (b Backoff) withDefaults() Backoff {
	b.Min = orDefault(b.Min, 500*time.Millisecond)
	b.Max = orDefault(b.Max, max(b.Min, time.Minute))
	return b
}

func (b Backoff) validate() error {
	for i, delay := range b.Schedule {
		if delay < 0 || delay > maxRetryDelay {
			return fmt.Errorf("Backoff: Schedule[%d] is %v, not between 0 and %v", i, delay, maxRetryDelay)
		}
	}
	if b.Min < 0 || b.Max < b.Min {
		return fmt.Errorf("Backoff: Min %v and Max %v must be above zero, and Max not below Min", b.Min, b.Max)
	}
	return nil
}

// delay is the time to wait after the failure with this number, counted from 1.
func (b Backoff) delay(failure int) time.Duration {
	if n := len(b.Schedule); n > 0 {
		return b.Schedule[min(failure, n)-1]
	}
	whole := b.Min
	for i := 1; i < failure && whole < b.Max; i++ {
		whole *= 2
	}
	whole = min(whole, b.Max)
	return whole - rand.N(whole/2+1) //nolint:gosec // jitter needs no secret
}

// pause is the time to wait after a failure that is not an event's.
func (b Backoff) pause(failure int) time.Duration {
	b.Schedule, b.Min, b.Max = nil, min(b.Min, time.Minute), min(b.Max, time.Minute)
	return b.delay(failure)
}

// wait returns false when ctx ended or stop was closed before the delay was over. A nil stop is never closed.
func wait(ctx context.Context, stop <-chan struct{}, delay time.Duration) bool {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-stop:
		return false
	case <-timer.C:
		return true
	}
}
