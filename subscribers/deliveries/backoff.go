package deliveries

import (
	"time"

	"github.com/contrail-events/contrail/internal/backoff"
)

// Backoff is the time between two attempts: Min after the first failure, doubled with each one up to Max, and of that a random part between
// a half and the whole, so that what failed together does not come back together.
type Backoff struct {
	Min time.Duration // default: 15 s
	Max time.Duration // default: 15 min

	// Schedule, if it is given, is the time to wait after the first failure, the second one and so on, exactly, instead of Min and Max; the last
	// one counts for all that follow.
	Schedule []time.Duration
}

// maxDelay bounds what a backoff or an adapter may ask for; sums with it stay far from an overflow.
const maxDelay = 365 * 24 * time.Hour

func (b Backoff) isZero() bool { return b.Min == 0 && b.Max == 0 && b.Schedule == nil }

func (b Backoff) withDefaults() Backoff {
	b.Min = orDefault(b.Min, 15*time.Second)
	b.Max = orDefault(b.Max, max(b.Min, 15*time.Minute))
	return b
}

func (b Backoff) validate() error { return backoff.Backoff(b).Validate(maxDelay) }

// delay is the time to wait after the failure with this number, counted from 1.
func (b Backoff) delay(failure int) time.Duration { return backoff.Backoff(b).Delay(failure) }
