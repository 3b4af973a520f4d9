package publisher

import (
	"context"
	"log/slog"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/publisher/parked"
)

// verdict tells whether an event is left out, nil if it is to be published: one that was refused too often is parked, and one whose stream has
// a parked event is held.
func (s *source) verdict(event contrail.Recorded) *Left {
	if s.held[event.Stream] {
		return &Left{Event: event, State: parked.Held, Reason: parked.ReasonHeld}
	}
	refused := s.suspects.refusals[event.Position]
	if refused == nil || refused.attempts < s.config.Attempts {
		return nil
	}
	return &Left{
		Event: event, State: parked.Parked, Reason: refused.err.Reason, Error: refused.err.Err.Error(), Attempts: refused.attempts,
	}
}

// leave writes down what is left out. Where holds says so, what is asked for behind it in its stream is held.
func (s *source) leave(ctx context.Context, left []Left, holds bool) error {
	query, cancel := s.config.queryContext(ctx)
	defer cancel()
	if err := s.ledger.leave(query, left, holds); err != nil {
		return err
	}
	for _, one := range left {
		s.suspects.forget(one.Event)
		if s.held != nil {
			s.held[one.Event.Stream] = true
		}
		level := slog.LevelDebug
		if one.State == parked.Parked {
			level = slog.LevelWarn
		}
		s.config.Logger.Log(ctx, level, "an event is left out", slogStream(s.config.Stream), slogPosition(one.Event.Position),
			slog.String("event_stream", one.Event.Stream.String()), slog.String("state", string(one.State)),
			slog.String("reason", string(one.Reason)), slog.Int("attempts", one.Attempts), slog.String("error", one.Error))
	}
	s.monitor.left(ctx, left)
	s.config.onParked(ctx, left)
	return nil
}

// resend publishes what persons have asked for, a batch at a time, while nothing else is on its way: each message says behind which event of
// the usual order it stands.
func (s *source) resend(ctx context.Context) error {
	query, cancel := s.config.queryContext(ctx)
	defer cancel()
	reordered, err := s.ledger.reorderAhead(query, s.at.position)
	if err == nil && reordered {
		s.skip, err = s.ledger.leftOut(query, s.at.position)
	}
	if err != nil {
		return err
	}
	wanted, err := s.ledger.asked(query, s.config.BatchEvents)
	if err != nil {
		return err
	}
	if len(wanted) == 0 {
		s.heeded = s.pulse.requests
		s.suspects.forgetUpTo(s.at.position) // what was withdrawn begins anew when it is asked for again
		if s.held != nil {
			s.held, err = s.ledger.held(query)
		}
		return err
	}
	events, err := s.readAgain(query, wanted)
	if err != nil || len(events) == 0 {
		return err
	}
	return s.emitAgain(ctx, events, wanted)
}

// readAgain reads as many of the events as make a batch. What was parked is large more often than not, so it begins with a few.
func (s *source) readAgain(ctx context.Context, wanted []asked) (events []contrail.Recorded, err error) {
	for n, bytes := 4, 0; len(wanted) > 0 && bytes < s.config.BatchBytes; n *= 2 {
		n = min(n, len(wanted))
		positions := make([]contrail.Position, n)
		for i, one := range wanted[:n] {
			positions[i] = one.Position
		}
		more, err := eventstore.At(ctx, s.conn, positions...)
		if err != nil {
			return nil, err
		}
		for _, event := range more {
			bytes += len(event.Data)
		}
		events, wanted = append(events, more...), wanted[n:]
	}
	return events, nil
}

// emitAgain sends the first of the events on their way, or parks the first one again.
func (s *source) emitAgain(ctx context.Context, events []contrail.Recorded, wanted []asked) error {
	reasons := make(map[contrail.Position]parked.Reason, len(wanted))
	for _, one := range wanted {
		reasons[one.Position] = one.Reason
	}
	events = events[:s.suspects.cut(events)]
	if refused := s.suspects.refusals[events[0].Position]; refused != nil && refused.attempts >= s.config.Attempts {
		return s.leave(ctx, []Left{{
			Event: events[0], State: parked.Parked, Reason: refused.err.Reason, Error: refused.err.Err.Error(), Attempts: refused.attempts,
		}}, s.held != nil)
	}
	marks := make([]string, len(events))
	for i, event := range events {
		if marks[i] = wire.ResentRequeue; reasons[event.Position] == parked.ReasonMissing {
			marks[i] = wire.ResentRepair
		}
	}
	return s.emit(ctx, &batch{events: events, through: s.at.position, resent: marks})
}
