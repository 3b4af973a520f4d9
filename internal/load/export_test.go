package load

import (
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// Plan is a schedule, for tests.
type Plan struct{ s *schedule }

// NewPlan returns the schedule of a config.
func NewPlan(cfg Config) Plan {
	cfg = cfg.withDefaults()
	return Plan{&schedule{rate: cfg.Rate, batch: int64(cfg.Batch), count: cfg.Count, duration: cfg.Duration}}
}

// Take returns when the next transaction is due, and how many events it has.
func (p Plan) Take(now time.Duration) (due time.Duration, events int, more bool) {
	t, more := p.s.take(now)
	return t.due, t.events, more
}

// DueBy is how many events are due before a time.
func (p Plan) DueBy(now time.Duration) int64 { return p.s.dueBy(now) }

// Identity tells a run's events from others, for tests.
type Identity struct{ i identity }

// NewIdentity is that of a new run.
func NewIdentity() Identity { return Identity{newIdentity()} }

// Event is the id of an event.
func (i Identity) Event(number int64, now time.Time) uuid.UUID { return i.i.event(number, now) }

// Number is the number of the event with an id.
func (i Identity) Number(id uuid.UUID) (int64, bool) { return i.i.number(id) }

// Stream is the nth stream.
func (i Identity) Stream(nth int) contrail.StreamID { return i.i.stream(nth) }

// Nth is the number of a stream.
func (i Identity) Nth(stream contrail.StreamID) (int, bool) { return i.i.nth(stream) }

// Payload is an event's data.
func Payload(size int) []byte { return payload(size) }
