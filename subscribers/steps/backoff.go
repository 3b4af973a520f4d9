package steps

import (
	"time"

	"github.com/contrail-events/contrail/internal/backoff"
)

// Backoff is the time between two tries: Min after the first failure, doubled with each one up to Max, and of that a random part between
// a half and the whole, so that what failed together does not come back together.
type Backoff struct {
	Min time.Duration // default: 1 s
	Max time.Duration // default: 5 min

	// Schedule, if it is given, is the time to wait after the first failure, the second one and so on, exactly, instead of Min and Max; the last
	// one counts for all that follow.
	Schedule []time.Duration
}

// maxDelay bounds what a backoff may ask for.
const maxDelay = 365 * 24 * time.Hour

func (b Backoff) withDefaults() Backoff {
	if b.Min == 0 {
		b.Min = time.Second
	}
	if b.Max == 0 {
		b.Max = max(b.Min, 5*time.Minute)
	}
	return b
}

func (b Backoff) validate() error { return backoff.Backoff(b).Validate(maxDelay) }

// delay is the time to wait after the failure with this number, counted from 1.
func (b Backoff) delay(failure int) time.Duration { return backoff.Backoff(b).Delay(failure) }
