package subscribers

import "time"

// held tells whether an earlier event of d's stream waits for its retry.
func (s *scheduler) held(d *delivery) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[d.lane]
	return l.awaited != nil || len(l.queue) > 0 && l.queue[0].sequence < d.sequence
}

// await holds the lane of an event that is sent back to the broker until its redelivery comes, after delay. When the scheduler is closed
// it returns the later events of the lane instead: they are the caller's to give back, and no longer in hand.
func (s *scheduler) await(d *delivery, delay time.Duration) (siblings []*delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[d.lane]
	l.running--
	d.alone = true
	if !s.closed {
		l.awaited = d
		s.arm(l, d, delay+s.config.AckWait+s.config.AckWait/3)
		return nil
	}
	siblings = l.cut(func(*delivery) bool { return false })
	for _, sibling := range siblings {
		delete(s.inHand, sibling.identity)
	}
	s.forget(l, d)
	return siblings
}

// arm lets the lane go on without d when it has not come back by then, because another process has taken it. While the broker is out of
// reach, or the consumer is paused, nobody has, so the time starts again.
func (s *scheduler) arm(l *lane, d *delivery, after time.Duration) {
	before, _ := s.link()
	l.release = time.AfterFunc(after, func() {
		paused := s.pausedConsumer(d) // asks the broker
		s.mu.Lock()
		defer s.mu.Unlock()
		if l.awaited != d {
			return
		}
		if now, connected := s.link(); paused || !connected || now != before {
			s.arm(l, d, s.config.AckWait*4/3)
			return
		}
		l.stopWaiting()
		s.forget(l, d)
	})
}

// forget lets go of an event that somebody else, or nobody, handles.
func (s *scheduler) forget(l *lane, d *delivery) {
	delete(s.inHand, d.identity)
	s.settle(l)
}

// drop lets go of an event in hand that stays unanswered.
func (s *scheduler) drop(d *delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[d.lane]
	l.running--
	s.forget(l, d)
}

// forgetDone forgets which events were handled: the consumer was reset, and may deliver them again on purpose.
func (s *scheduler) forgetDone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done.clear()
}

// orphan sees to it that nothing is answered for what a consumer that is gone has delivered: in a stream that was made anew the answer would be for
// another event.
func (s *scheduler) orphan(feed uint8) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, d := range s.inHand {
		if id.feed == feed {
			d.answer()
		}
	}
}

// putBack returns an event that was taken and not started. It returns false when the scheduler is closed: then the event is the
// caller's to give back to the broker, and no longer in hand.
func (s *scheduler) putBack(d *delivery) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[d.lane]
	l.running--
	if s.closed {
		s.forget(l, d)
		return false
	}
	s.enqueue(l, d)
	return true
}

// pause stops handing out work.
func (s *scheduler) pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = true
}

// close lets the workers end and returns the events that none will start: back, which the broker will deliver again, and last, which it
// would not. An event on its last delivery is kept, with those before it in its lane, and still handled, unless its lane waits for a retry.
func (s *scheduler) close() (back, last []*delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, l := range s.lanes {
		waiting := l.awaited
		ready := l.ready
		before := len(l.queue)
		for _, d := range l.cut(func(d *delivery) bool { return waiting == nil && s.last(d) }) {
			delete(s.inHand, d.identity)
			if s.last(d) {
				last = append(last, d)
			} else {
				back = append(back, d)
			}
		}
		if ready {
			s.open -= before - len(l.queue)
		}
		if waiting != nil {
			l.stopWaiting()
			delete(s.inHand, waiting.identity)
		}
	}
	s.sweep()
	s.work.Broadcast()
	return back, last
}

// sweep drops the lanes that close emptied.
func (s *scheduler) sweep() {
	for range s.ready.len() {
		if l := s.ready.pop(); len(l.queue) > 0 {
			s.ready.push(l)
		} else {
			l.ready = false
		}
	}
	for _, l := range s.lanes {
		if l.empty() {
			delete(s.lanes, l.name)
		}
	}
}

// olderThan returns the events in hand that arrived before then, except those that are back with the broker.
func (s *scheduler) olderThan(then time.Time) []*delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	var old []*delivery
	for _, d := range s.inHand {
		if d.arrived.Before(then) {
			old = append(old, d)
		}
	}
	return old
}
