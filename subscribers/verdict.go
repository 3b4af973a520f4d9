package subscribers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers/attempts"
)

// errDuplicate is the verdict on an event that the inbox knows.
var errDuplicate = errors.New("handled before")

// conclude answers for an event that was handled.
func (s *session) conclude(ctx context.Context, d *delivery, verdict error) {
	_, skipped := contrail.SkipReason(verdict)
	switch {
	case verdict == nil, skipped, errors.Is(verdict, errDuplicate):
		s.acknowledge(ctx, d, verdict)
		s.scheduler.finish(d)
	case contrail.IsPermanent(verdict):
		s.bury(ctx, d, ReasonPermanent, verdict)
	case ctx.Err() != nil: // its time for draining was up, which is no fault of the handler's
		s.surrender(ctx, d, verdict)
	case s.scheduler.last(d):
		s.bury(ctx, d, ReasonExhausted, verdict)
	default:
		s.retry(ctx, d, verdict)
	}
}

// acknowledge acks and counts. An ack that is lost does no harm: the redelivery is recognised, here or by the inbox.
func (s *session) acknowledge(ctx context.Context, d *delivery, verdict error) {
	reason, skipped := contrail.SkipReason(verdict)
	switch {
	case verdict == nil:
		s.settled(ctx, d, attempts.Handled, nil)
	case skipped:
		s.counters.because(reason)
		s.settled(ctx, d, attempts.Skipped, verdict)
	default:
		s.settled(ctx, d, attempts.Duplicate, nil)
	}
	s.reply(ctx, d, jetstream.Msg.Ack)
}

// reply gives the broker the final answer.
func (s *session) reply(ctx context.Context, d *delivery, give func(jetstream.Msg) error) {
	s.send(ctx, d, d.answer(), give)
}

func (s *session) send(ctx context.Context, d *delivery, msg jetstream.Msg, give func(jetstream.Msg) error) {
	if msg == nil {
		return
	}
	if err := give(msg); err != nil {
		s.config.Logger.DebugContext(ctx, "an answer to the broker was lost; the event is delivered again after its ack wait",
			slog.String("consumer", s.config.Durable), slog.Uint64("sequence", d.sequence), slog.Any("error", err))
	}
}

// maxRetryDelay bounds what a handler may ask for; sums with it stay far from an overflow.
const maxRetryDelay = 30 * 24 * time.Hour

// retry asks for another delivery later. Its stream waits for it.
func (s *session) retry(ctx context.Context, d *delivery, failure error) {
	attempt := d.attempt()
	delay, asked := contrail.RetryDelay(failure)
	if !asked {
		delay = s.config.Backoff.delay(attempt)
	}
	delay = min(max(delay, 0), maxRetryDelay)
	s.settled(ctx, d, attempts.Retried, failure)
	s.config.Logger.WarnContext(ctx, "an event failed and is tried again",
		slog.String("consumer", s.config.Durable), slog.String("subject", d.subject), slog.Uint64("sequence", d.sequence),
		slog.Int("attempt", attempt), slog.Duration("after", delay), slog.Any("error", failure))
	s.sendBack(ctx, d, delay)
}

// sendBack holds the lane before it answers: the redelivery may come at once.
func (s *session) sendBack(ctx context.Context, d *delivery, delay time.Duration) {
	msg := d.answer()
	siblings := s.scheduler.await(d, delay)
	s.send(ctx, d, msg, func(m jetstream.Msg) error { return m.NakWithDelay(delay) })
	for _, sibling := range siblings {
		s.giveBack(ctx, sibling)
	}
}

// surrender gives up an event that was started, because the process has to stop.
func (s *session) surrender(ctx context.Context, d *delivery, cause error) {
	if s.scheduler.last(d) {
		s.bury(ctx, d, ReasonAbandoned, cause)
		return
	}
	s.telemetry.unsettle(d, cause)
	s.sendBack(ctx, d, 0)
}

// giveBack lets another process have an event at once that was not started here and is not in hand any more. One that would not be delivered
// again becomes a dead letter.
func (s *session) giveBack(ctx context.Context, d *delivery) {
	if !s.scheduler.last(d) {
		s.reply(ctx, d, jetstream.Msg.Nak)
		return
	}
	s.terminate(ctx, d, ReasonAbandoned, errors.New("the process was stopped before it could handle the last delivery"))
}

// bury makes a dead letter of an event in hand.
func (s *session) bury(ctx context.Context, d *delivery, reason Reason, cause error) {
	if s.terminate(ctx, d, reason, cause) {
		s.scheduler.finish(d)
	} else {
		s.scheduler.drop(d)
	}
}

// terminate publishes the dead letter first, and then tells the broker not to deliver the event again. If ctx ends before the dead
// letter is safe, the event stays unanswered: then the broker still has it, and says so when it gives up.
func (s *session) terminate(ctx context.Context, d *delivery, reason Reason, cause error) bool {
	letter := s.letter(d, reason, cause)
	buried, err := s.burial(ctx, letter)
	switch {
	case err != nil:
		s.telemetry.unsettle(d, err)
		s.config.Logger.ErrorContext(ctx, "an event is left unanswered, for want of a dead letter", slog.Any("error", err))
		return false
	case !buried:
		s.acknowledge(ctx, d, errDuplicate)
		return true
	}
	s.buried(ctx, d, letter, cause)
	s.config.Logger.ErrorContext(ctx, "an event became a dead letter", slog.String("consumer", s.config.Durable),
		slog.String("subject", d.subject), slog.Uint64("sequence", d.number), slog.String("reason", string(reason)),
		slog.Int("deliveries", letter.Deliveries), slog.Any("error", cause))
	s.reply(ctx, d, func(m jetstream.Msg) error { return m.TermWithReason(termReason(letter)) })
	return true
}

// termPrefix begins the reason of our own terminations: the broker's advisory of one needs no dead letter any more.
const termPrefix = "contrail: "

func termReason(letter DeadLetter) string {
	return termPrefix + string(letter.Reason) + ": " + cut(letter.Error, 200)
}

// burial publishes a dead letter, and returns when the broker has it; it tries until that is so or ctx ends, and at least once. With an inbox the event
// is given up there at the same time, unless it has taken effect: then buried is false.
func (s *session) burial(ctx context.Context, letter DeadLetter) (buried bool, err error) {
	for failure := 1; ; failure++ {
		s.turns.move()
		buried, err = s.buryOnce(ctx, letter)
		if err == nil {
			return buried, nil
		}
		s.config.Logger.ErrorContext(ctx, "dead letter can't be published, trying again",
			slog.String("consumer", letter.Consumer), slog.Uint64("sequence", letter.Sequence), slog.Any("error", err))
		if !wait(ctx, nil, s.config.Backoff.pause(failure)) {
			return false, fmt.Errorf("publish the dead letter of event %d of %s: %w", letter.Sequence, letter.Stream, err)
		}
	}
}

func (s *session) buryOnce(ctx context.Context, letter DeadLetter) (buried bool, err error) {
	publish := func() error { return s.letters.publish(ctx, letter) }
	position := s.positionInTx(letter)
	if position == 0 {
		return true, publish()
	}
	if ctx.Err() != nil {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
		defer cancel()
		ctx = last
	}
	return s.config.Inbox.giveUp(ctx, s.claimOf(letter, position), publish)
}

func (s *session) claimOf(letter DeadLetter, position contrail.Position) claim {
	return claim{consumer: s.config.inboxName(), positions: []contrail.Position{position}, requeued: letter.Replays}
}

// positionInTx is that of an event that takes effect through the inbox, and zero for any other message.
func (s *session) positionInTx(letter DeadLetter) contrail.Position {
	message, err := wire.DecodeMessage(letter.Header, letter.Data)
	if err != nil || s.formOf(message.Type) == inNone {
		return 0
	}
	return message.Position
}

// letter tells what became of a delivery. An event that was requeued keeps what it was at first.
func (s *session) letter(d *delivery, reason Reason, cause error) DeadLetter {
	msg, meta := d.current()
	letter := DeadLetter{
		Stream: meta.Stream, Subject: msg.Subject(), Sequence: d.sequence, PublishedAt: meta.Timestamp,
		MsgID: msg.Headers().Get(jetstream.MsgIDHeader), Header: msg.Headers(), Data: msg.Data(),
	}
	if d.origin != nil {
		letter = *d.origin
	}
	letter.Consumer, letter.Reason, letter.Deliveries, letter.FailedAt = s.config.Durable, reason, d.attempt(), time.Now()
	letter.Error, letter.ErrorChain, letter.Stack = "", nil, ""
	letter.setError(cause)
	return letter
}
