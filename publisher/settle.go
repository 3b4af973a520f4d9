package publisher

import (
	"context"
	"errors"
	"time"

	"github.com/contrail-events/contrail"
)

// settle takes the acked batches off the front and saves the cursor once for all of them.
func (s *source) settle(ctx context.Context) error {
	var settled []*batch
	for len(s.inFlight) > 0 && isClosed(s.inFlight[0].message.Acked()) {
		front := s.inFlight[0].batch
		if !front.sent { // a middleware acked what it never handed on
			break
		}
		settled, s.inFlight = append(settled, front), s.inFlight[1:]
	}
	if len(settled) > 0 {
		if err := s.save(ctx, settled); err != nil {
			return err
		}
	}
	if len(s.inFlight) > 0 && s.inFlight[0].isLost() {
		return errNacked
	}
	return nil
}

// isLost tells whether a batch came back without being published. One that was published while the cursor was saved is not lost.
func (f flight) isLost() bool {
	return isClosed(f.message.Nacked()) || isClosed(f.message.Acked()) && !f.batch.sent
}

func isClosed(signal <-chan struct{}) bool {
	select {
	case <-signal:
		return true
	default:
		return false
	}
}

func (s *source) save(ctx context.Context, settled []*batch) error {
	s.hook("after publish")
	query, cancel := s.config.queryContext(ctx)
	defer cancel()
	last := settled[len(settled)-1]
	at := cursor{last.through, s.at.sequence}
	for _, b := range settled {
		if len(b.events) > 0 {
			at.sequence = b.sequence
		}
	}
	s.hook("before cursor")
	var err error
	if last.resent != nil { // it was alone on its way
		err = s.ledger.savePublished(query, at, positionsOf(last.events), last.sequences)
	} else {
		err = s.ledger.save(query, at)
	}
	if err != nil {
		return err
	}
	s.at = at
	s.hook("after cursor")
	s.config.Logger.DebugContext(ctx, "published", slogStream(s.config.Stream), slogPosition(at.position), slogSequence(at.sequence))
	for _, b := range settled {
		s.tell(ctx, b)
	}
	return nil
}

// tell counts a batch that is settled, and tells the application.
func (s *source) tell(ctx context.Context, b *batch) {
	n := len(b.events)
	if n == 0 {
		return
	}
	s.published()
	if last := b.events[n-1]; b.resent == nil && last.Position == s.at.position {
		s.anchorTo(last.Position, last.ID.String())
	}
	s.monitor.published(ctx, b, s.at.position)
	s.suspects.forget(b.events...)
	s.config.onPublished(ctx, b)
}

// drain waits for every batch in flight; the sink's acknowledgement timeout bounds it. What waits for its turn behind a nacked batch is
// turned away; what was sent behind it may be acked, but the cursor stays before the gap.
func (s *source) drain(ctx context.Context) error {
	if errors.Is(s.err, errNacked) {
		s.abort(errNacked)
	}
	for _, flight := range s.inFlight {
		select {
		case <-flight.message.Acked():
		case <-flight.message.Nacked():
		}
		if flight.isLost() { // those behind it would wait for their turn for ever
			s.abort(errNacked)
		}
	}
	err := s.settle(ctx)
	if len(s.inFlight) > 0 && s.inFlight[0].batch.done > 0 {
		return errors.Join(err, s.savePart(ctx, s.inFlight[0].batch))
	}
	return err
}

// savePart saves how far a batch came that has failed, where that is known.
func (s *source) savePart(ctx context.Context, failed *batch) error {
	part := &batch{events: failed.events[:failed.done], through: failed.events[failed.done-1].Position, acknowledged: time.Now()}
	if failed.resent != nil {
		part.resent, part.through, part.sequences = failed.resent[:failed.done], failed.through, failed.sequences[:failed.done]
	}
	return s.save(ctx, []*batch{part})
}

func (s *source) tellPaused(ctx context.Context, paused bool) {
	if paused {
		s.monitor.enter(statePaused)
		s.config.Logger.InfoContext(ctx, "the stream is paused: nothing is published until somebody resumes it", slogStream(s.config.Stream))
		return
	}
	s.monitor.enter(stateLeading)
	s.config.Logger.InfoContext(ctx, "the stream is resumed", slogStream(s.config.Stream))
}

// waitPaused lets a second pass, and asks whether the stream is still paused.
func (s *source) waitPaused(ctx context.Context) error {
	timer := time.NewTimer(touch)
	defer timer.Stop()
	select {
	case <-timer.C:
		return s.beat(ctx)
	case <-ctx.Done():
		return nil
	}
}

func positionsOf(events []contrail.Recorded) []contrail.Position {
	positions := make([]contrail.Position, len(events))
	for i, event := range events {
		positions[i] = event.Position
	}
	return positions
}
