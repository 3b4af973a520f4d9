package publisher

import (
	"errors"
	"maps"

	"github.com/contrail-events/contrail"
)

// batchError says which batch an error is about.
type batchError struct {
	batch *batch
	err   error
}

func (e *batchError) Error() string { return e.err.Error() }
func (e *batchError) Unwrap() error { return e.err }

// suspicion narrows down, over the sessions of a term, which events the destination refuses. An error that names the event does that at
// once. One that does not, a middleware's say, halves the batch until it is a batch of one. Every refusal of one event is counted; what is
// transient is not.
type suspicion struct {
	until    contrail.Position // up to here batches are small
	limit    int               // events in such a batch
	refusals map[contrail.Position]*refusal
}

// refusal is what is known of an event that was refused.
type refusal struct {
	attempts int
	err      *RefusedError // of the last one
}

// learn draws its conclusion from how a session has ended. It returns the refusal of the one event that is to blame, nil if there is none yet.
func (s *suspicion) learn(err error) *refusal {
	failed, ok := errors.AsType[*batchError](err)
	if !ok || len(failed.batch.events) == 0 {
		return nil
	}
	refused, named := errors.AsType[*RefusedError](err)
	if !named {
		if !contrail.IsPermanent(err) {
			return nil
		}
		if events := failed.batch.events; len(events) > 1 {
			s.until, s.limit = max(s.until, events[len(events)-1].Position), max(1, len(events)/2)
			return nil
		}
		refused = refusedBy(failed.batch.events[0], failed.err)
	}
	if s.refusals == nil {
		s.refusals = map[contrail.Position]*refusal{}
	}
	one := s.refusals[refused.Position]
	if one == nil {
		one = &refusal{}
		s.refusals[refused.Position] = one
	}
	one.attempts++
	one.err = refused
	return one
}

// forget drops what is known of events whose fate is decided.
func (s *suspicion) forget(events ...contrail.Recorded) {
	if len(s.refusals) == 0 {
		return
	}
	for _, event := range events {
		delete(s.refusals, event.Position)
	}
}

// forgetUpTo drops what is known of the events at or below a position.
func (s *suspicion) forgetUpTo(position contrail.Position) {
	maps.DeleteFunc(s.refusals, func(refused contrail.Position, _ *refusal) bool { return refused <= position })
}

// cut returns how many of the events may go into one batch: few of them while a batch is being narrowed down, and an event that was refused
// by itself.
func (s *suspicion) cut(events []contrail.Recorded) int {
	n := len(events)
	if s.limit > 0 && events[0].Position <= s.until {
		n = min(n, s.limit)
	} else {
		s.limit = 0
	}
	if len(s.refusals) == 0 {
		return n
	}
	for i, event := range events[:n] {
		if s.refusals[event.Position] != nil {
			return max(1, i)
		}
	}
	return n
}
