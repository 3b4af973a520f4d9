package load

import (
	"context"
	"sync/atomic"
	"time"
)

// schedule says when each transaction is due. It is open: nothing that happens to one moves another.
type schedule struct {
	rate     float64       // events a second; 0: each is due when somebody asks for it
	batch    int64         // events in a transaction
	count    int64         // of all events; 0: no bound
	duration time.Duration // 0: no bound
	start    time.Duration // when the first one is due, by the run's clock
	next     atomic.Int64
}

// turn is a transaction to be done.
type turn struct {
	nth    int64
	first  int64         // of its events, counted from 0
	events int           // how many
	due    time.Duration // by the run's clock
}

// take hands out the next turn, if there is one at this time.
func (s *schedule) take(now time.Duration) (turn, bool) {
	if s.duration > 0 && now >= s.start+s.duration {
		return turn{}, false
	}
	nth := s.next.Add(1) - 1
	t := turn{nth: nth, first: nth * s.batch, events: int(s.batch), due: now}
	if s.count > 0 {
		t.events = int(min(s.batch, s.count-t.first))
	}
	if s.rate > 0 {
		t.due = s.dueAt(t.first)
	}
	return t, t.events > 0 && (s.duration == 0 || t.due < s.start+s.duration)
}

func (s *schedule) dueAt(event int64) time.Duration {
	return s.start + time.Duration(float64(event)/s.rate*float64(time.Second))
}

// dueBy is how many events were due before this time; with no rate nobody can say, and it is 0.
func (s *schedule) dueBy(now time.Duration) int64 {
	if s.duration > 0 {
		now = min(now, s.start+s.duration)
	}
	if s.rate == 0 || now <= s.start {
		return 0
	}
	turns := int64((now - s.start).Seconds() * s.rate / float64(s.batch))
	if s.dueAt(turns*s.batch) < now {
		turns++
	}
	due := turns * s.batch
	if s.count > 0 {
		due = min(due, s.count)
	}
	return due
}

// wait returns when a turn is due, or false when ctx ends before that.
func wait(ctx context.Context, until time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	if until <= 0 {
		return true
	}
	timer := time.NewTimer(until)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
