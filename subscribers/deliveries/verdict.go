package deliveries

import (
	"context"
	"errors"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/sanitize"
)

// verdict is what an answer means: for the attempt, and for the delivery.
type verdict struct {
	outcome Outcome
	class   Class
	text    string // of the error

	state  State
	reason Reason
	delay  *time.Duration // until the next attempt; nil: it has ended, or is held
	risk   bool           // the recipient may have got it
}

// judge tells what an adapter's answer means for an attempt, the counted-th one.
func judge(a answer, policy Policy, counted int, last bool) verdict {
	v := verdict{outcome: OutcomeFailed, state: Cancelled}
	if a.err != nil {
		v.text = sanitize.Text(a.err.Error(), 0)
	}
	skip, skipped := contrail.SkipReason(a.err)
	_, bounced := errors.AsType[bouncedError](a.err)
	_, doubtful := errors.AsType[ambiguousError](a.err)
	_, temporary := errors.AsType[temporaryError](a.err)
	delay, asked := contrail.RetryDelay(a.err)
	if !asked {
		delay = policy.Backoff.delay(counted)
	}
	delay = min(max(delay, 0), maxDelay)
	switch {
	case a.err == nil:
		v.outcome, v.state = OutcomeSucceeded, Succeeded
	case skipped:
		v.outcome, v.state, v.reason = OutcomeSkipped, Suppressed, reasonOf(skip, "by the adapter")
	case bounced:
		v.class, v.reason = ClassBounced, ReasonBounced
	case contrail.IsPermanent(a.err):
		v.class, v.reason = ClassPermanent, ReasonPermanent
	case doubtful, a.overrun, !temporary && !asked && a.isCut():
		v.outcome, v.risk = OutcomeAmbiguous, true
		if policy.Ambiguous == Resend {
			v.retry(ReasonAmbiguous, delay, last)
		} else {
			v.state, v.reason = Failed, ReasonAmbiguous
		}
	case temporary, asked:
		v.class = ClassTemporary
		v.retry(ReasonTemporary, delay, last)
	default:
		v.class, v.risk = ClassUnknown, true
		v.retry(ReasonUnknown, delay, last)
	}
	return v
}

// retry has the delivery tried again, unless that was the last time.
func (v *verdict) retry(reason Reason, delay time.Duration, last bool) {
	if last {
		v.state, v.reason = Cancelled, ReasonExhausted
		return
	}
	v.state, v.reason, v.delay = Failed, reason, &delay
}

// isCut tells whether the error says that the call's ctx has ended.
func (a answer) isCut() bool {
	return a.cut != nil && (errors.Is(a.err, a.cut) || errors.Is(a.err, context.Canceled) || errors.Is(a.err, context.DeadlineExceeded))
}
