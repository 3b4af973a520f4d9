package deliveries

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Handling says what becomes of a delivery whose last attempt is ambiguous: its process died in the call, or the call was cut short, and nobody knows
// whether it took effect.
type Handling string

// The two ways to handle it.
const (
	Hold   Handling = "hold"   // it waits for a person, who looks and has it redriven or cancelled
	Resend Handling = "resend" // it is sent again after the backoff, marked as a possible duplicate: for receivers that recognise those
)

// Policy is how deliveries of a channel are tried. The zero value works.
type Policy struct {
	// MaxAttempts is how often an adapter is called at most; the last failure cancels the delivery as retries_exhausted. Below zero: there is no
	// bound. Default: 5.
	MaxAttempts int

	// Timeout is how long a call may take: then its ctx ends. A call that goes on for as long again, or for 10 s if that is shorter, is given up: its goroutine is
	// left behind, and the attempt is ambiguous. Default: 30 s.
	Timeout time.Duration

	// Backoff is the time between attempts.
	Backoff Backoff

	// Ambiguous says what becomes of attempts of which nobody knows whether they took effect. Default: Hold.
	Ambiguous Handling
}

const (
	maxGrace = 10 * time.Second // how long a call may go on when its ctx has ended
	margin   = 20 * time.Second // how long the outcome may take to be written, and clocks may differ
)

func (p Policy) grace() time.Duration { return min(p.Timeout, maxGrace) }

// lease is how long after an attempt's start its process is taken for alive.
func (p Policy) lease() time.Duration { return p.Timeout + p.grace() + margin }

// over is p, with what it does not say taken from general.
func (p Policy) over(general Policy) Policy {
	p.MaxAttempts = orDefault(p.MaxAttempts, general.MaxAttempts)
	p.Timeout = orDefault(p.Timeout, general.Timeout)
	p.Ambiguous = orDefault(p.Ambiguous, general.Ambiguous)
	if p.Backoff.isZero() {
		p.Backoff = general.Backoff
	}
	p.Backoff = p.Backoff.withDefaults()
	return p
}

func defaultPolicy() Policy {
	return Policy{MaxAttempts: 5, Timeout: 30 * time.Second, Ambiguous: Hold, Backoff: Backoff{}.withDefaults()}
}

func (p Policy) validate() error {
	var handling error
	if p.Ambiguous != Hold && p.Ambiguous != Resend {
		handling = fmt.Errorf("Ambiguous: %q is neither %q nor %q", p.Ambiguous, Hold, Resend)
	}
	return errors.Join(handling, p.Backoff.validate(), checkRange("MaxAttempts", max(p.MaxAttempts, -1), -1, math.MaxInt32),
		checkRange("Timeout", p.Timeout, time.Millisecond, 24*time.Hour))
}
