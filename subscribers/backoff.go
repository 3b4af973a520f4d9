package subscribers

import (
	"context"
	"time"

	"github.com/contrail-events/contrail/internal/backoff"
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

func (b Backoff) validate() error { return backoff.Backoff(b).Validate(maxRetryDelay) }

// delay is the time to wait after the failure with this number, counted from 1.
func (b Backoff) delay(failure int) time.Duration { return backoff.Backoff(b).Delay(failure) }

// pause is the time to wait after a failure that is not an event's.
func (b Backoff) pause(failure int) time.Duration {
	b.Schedule, b.Min, b.Max = nil, min(b.Min, time.Minute), b.longestPause()
	return b.delay(failure)
}

// longestPause is what no pause exceeds.
func (b Backoff) longestPause() time.Duration { return min(b.Max, time.Minute) }

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
