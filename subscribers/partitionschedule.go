package subscribers

import "time"

// resume hands out work again.
func (s *scheduler) resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = false
	s.work.Broadcast()
}

// unanswered are the events in hand that the broker has no final answer to.
func (s *scheduler) unanswered() map[*delivery]struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[*delivery]struct{}, len(s.inHand))
	for _, d := range s.inHand {
		if s.lanes[d.lane].awaited == d || !d.isAnswered() {
			all[d] = struct{}{}
		}
	}
	return all
}

func (d *delivery) isAnswered() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.answered
}

func contains(all, some map[*delivery]struct{}) bool {
	for d := range some {
		if _, found := all[d]; !found {
			return false
		}
	}
	return true
}

// expect holds the lane of an event that another process has sent back to the broker, to be delivered again after delay, as await does. It is for
// events of which nothing has arrived yet.
func (s *scheduler) expect(d *delivery, delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lane(d.lane)
	if l.awaited != nil {
		return
	}
	d.alone, d.answered = true, true
	s.inHand[d.identity] = d
	l.awaited = d
	s.arm(l, d, delay+s.config.AckWait+s.config.AckWait/3)
}
