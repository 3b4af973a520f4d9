package subscribers

import (
	"context"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers/attempts"
)

// maxAttemptError bounds the error in the journal of attempts.
const maxAttemptError = 1 << 10

// settled tells everybody who wants to know of a verdict on a delivery: statistics, telemetry and the journal of attempts.
func (s *session) settled(ctx context.Context, d *delivery, verdict attempts.Verdict, cause error) {
	s.counters.add(ctx, verdict)
	s.telemetry.settle(ctx, d, verdict, cause)
	switch verdict {
	case attempts.Handled, attempts.Skipped:
		if d.attempt() > 1 || d.replays() > 0 {
			s.tellAttempt(ctx, d, verdict, cause)
		}
	case attempts.Retried:
		s.tellAttempt(ctx, d, verdict, cause)
	case attempts.DeadLetter, attempts.Duplicate, attempts.Unhandled: // of a dead letter, buried tells
	}
}

// buried tells of a dead letter. d is nil where nobody here had the event in hand.
func (s *session) buried(ctx context.Context, d *delivery, letter DeadLetter, cause error) {
	s.telemetry.bury(ctx, letter.Reason)
	if d == nil {
		s.counters.add(ctx, attempts.DeadLetter)
	} else {
		s.settled(ctx, d, attempts.DeadLetter, cause)
	}
	message, err := wire.DecodeMessage(letter.Header, letter.Data)
	if err != nil || s.journal == nil { // a foreign message has no id that anybody would ask for
		return
	}
	attempt := attempts.Attempt{
		Event: message.ID, Stream: s.config.Stream, Durable: s.config.Durable, Position: message.Position, Sequence: letter.Sequence,
		Delivery: letter.Deliveries, Replays: letter.Replays, Verdict: attempts.DeadLetter, Reason: string(letter.Reason),
		Error: cut(letter.Error, maxAttemptError), Began: letter.FailedAt.UTC(),
	}
	if d != nil {
		attempt.Began, attempt.Seconds = d.handling().times()
	}
	s.journal.tell(ctx, attempt)
}

func (s *session) tellAttempt(ctx context.Context, d *delivery, verdict attempts.Verdict, cause error) {
	if s.journal == nil || d.about.position == 0 {
		return
	}
	attempt := attempts.Attempt{
		Event: d.about.id, Stream: s.config.Stream, Durable: s.config.Durable, Position: d.about.position, Sequence: d.number,
		Delivery: d.attempt(), Replays: d.replays(), Verdict: verdict,
	}
	attempt.Began, attempt.Seconds = d.handling().times()
	if reason, skipped := contrail.SkipReason(cause); skipped {
		attempt.Reason = reason
	} else if cause != nil {
		attempt.Error = cut(oneLine(said(cause)), maxAttemptError)
	}
	s.journal.tell(ctx, attempt)
}

// times are those that the journal tells of a handling that is over: its beginning, and the seconds since.
func (h handling) times() (began time.Time, seconds float64) {
	now := time.Now()
	took, called := h.duration(now)
	if !called {
		return now.UTC(), 0
	}
	return h.began.UTC(), took.Seconds()
}
