package subscribers

import (
	"sync"
	"time"
)

// scheduler decides what a worker does next: it keeps the events of one stream in order, in one lane, and lets the lanes run side by side.
// It knows each event in hand by its identity, so that a redelivery of one is not handled beside it.
type scheduler struct {
	config Config
	link   func() (reconnects uint64, connected bool)

	pausedConsumer func(*delivery) bool // tells whether the consumer that delivered it is paused at the broker

	mu     sync.Mutex
	work   *sync.Cond // there may be something to take
	lanes  map[string]*lane
	inHand map[identity]*delivery
	done   recent
	ready  fifo[*lane]
	open   int // events in ready lanes
	idle   int // workers that wait for something to take
	paused bool
	closed bool
}

func newScheduler(config Config, link func() (uint64, bool)) *scheduler {
	s := &scheduler{
		config: config, link: link, pausedConsumer: func(*delivery) bool { return false },
		lanes: map[string]*lane{}, inHand: map[identity]*delivery{},
	}
	s.work = sync.NewCond(&s.mu)
	return s
}

// admission is what becomes of a delivery that arrives.
type admission int

const (
	admitted  admission = iota // it waits for a worker
	renewed                    // it belongs to an event that is in hand already
	repeated                   // it was handled here a moment ago, and the answer was lost: acknowledge it again
	refused                    // the scheduler is closed: give it back
	exhausted                  // the scheduler is closed, and the broker would not deliver it again
)

func (s *scheduler) admit(d *delivery) admission {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.inHand[d.identity]; known != nil {
		known.renew(d)
		if s.comeBack(known) {
			return admitted
		}
		return renewed
	}
	if d.form == inNone && d.meta.NumDelivered > 1 && s.done.has(d.identity) { // the inbox knows better, also when it was told to forget
		return repeated
	}
	l := s.lane(d.lane)
	switch {
	case s.closed && !s.last(d):
		return refused
	case s.closed && l.awaited != nil:
		return exhausted
	}
	s.inHand[d.identity] = d
	s.enqueue(l, d)
	return admitted
}

func (s *scheduler) last(d *delivery) bool { return d.attempt() >= s.config.MaxDeliver }

// comeBack puts an event whose redelivery was awaited at the head of its lane.
func (s *scheduler) comeBack(d *delivery) bool {
	l := s.lanes[d.lane]
	if l.awaited != d {
		return false
	}
	l.stopWaiting()
	d.arrived = time.Now()
	s.enqueue(l, d)
	return true
}

func (s *scheduler) lane(name string) *lane {
	l := s.lanes[name]
	if l == nil {
		l = &lane{name: name}
		s.lanes[name] = l
	}
	return l
}

func (s *scheduler) enqueue(l *lane, d *delivery) {
	l.insert(d)
	if l.ready {
		s.open++
	}
	s.settle(l)
}

// settle makes a lane ready when it has become so, and drops it when nothing is left in it.
func (s *scheduler) settle(l *lane) {
	switch {
	case l.empty():
		delete(s.lanes, l.name)
	case l.open() && !l.ready:
		l.ready = true
		s.open += len(l.queue)
		s.ready.push(l)
	}
	if s.idle > 0 && !s.ready.empty() {
		s.work.Signal()
	}
}

// take waits for work and appends it to into: one event without a transaction, or several that may share one. Of those it takes a fair
// share, what is there divided by the workers that wait. It returns none when the scheduler is closed and has nothing left.
func (s *scheduler) take(into []*delivery) []*delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle++
	for (s.ready.empty() || s.paused) && !s.closed {
		s.work.Wait()
	}
	share := min((s.open+s.idle-1)/s.idle, s.config.InboxBatch)
	s.idle--
	if s.ready.empty() {
		return into
	}
	into = append(into, s.popFrom(s.ready.peek()))
	for shareable(into[0]) && len(into) < share && !s.ready.empty() && shareable(s.ready.peek().queue[0]) {
		into = append(into, s.popFrom(s.ready.peek()))
	}
	s.leave()
	return into
}

func shareable(d *delivery) bool { return d.form != inNone && !d.alone }

// popFrom takes the head of the first ready lane, which stays first while it has more.
func (s *scheduler) popFrom(l *lane) *delivery {
	d := l.pop()
	s.open--
	if len(l.queue) == 0 {
		l.ready = false
		s.ready.pop()
	}
	return d
}

// leave takes the first lane out of the ready ones when a worker has something of it but not all.
func (s *scheduler) leave() {
	if s.ready.empty() {
		return
	}
	if l := s.ready.peek(); l.running > 0 {
		s.ready.pop()
		l.ready = false
		s.open -= len(l.queue)
	}
	if s.idle > 0 && !s.ready.empty() {
		s.work.Signal()
	}
}

// finish lets go of events that have been answered for good.
func (s *scheduler) finish(ds ...*delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range ds {
		delete(s.inHand, d.identity)
		if d.form == inNone { // the inbox remembers the others
			s.done.add(d.identity)
		}
		l := s.lanes[d.lane]
		l.running--
		s.settle(l)
	}
}
