package subscribers

import "sync"

// Stats returns what the subscriber has done in this process so far, over all topics. It may be called at any time, from any goroutine.
func (s *Subscriber) Stats() Stats { return s.tally.stats() }

// tally adds up what subscriptions have done, those that have ended too.
type tally struct {
	mu      sync.Mutex
	running map[*Subscription]struct{}
	ended   Stats
}

func (t *tally) begin(sub *Subscription) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running == nil {
		t.running = map[*Subscription]struct{}{}
	}
	t.running[sub] = struct{}{}
}

func (t *tally) end(sub *Subscription) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.running, sub)
	t.ended = t.ended.plus(sub.Stats())
}

func (t *tally) stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := Stats{}.plus(t.ended)
	for sub := range t.running {
		sum = sum.plus(sub.Stats())
	}
	return sum
}

func (s Stats) plus(other Stats) Stats {
	sum := Stats{
		Delivered:    s.Delivered + other.Delivered,
		Handled:      s.Handled + other.Handled,
		Skipped:      s.Skipped + other.Skipped,
		Duplicates:   s.Duplicates + other.Duplicates,
		Retried:      s.Retried + other.Retried,
		DeadLettered: s.DeadLettered + other.DeadLettered,
		Unhandled:    s.Unhandled + other.Unhandled,
		Untold:       s.Untold + other.Untold,
		SkipReasons:  map[string]int64{},
	}
	for _, reasons := range []map[string]int64{s.SkipReasons, other.SkipReasons} {
		for reason, count := range reasons {
			sum.SkipReasons[reason] += count
		}
	}
	return sum
}
