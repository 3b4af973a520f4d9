package subscribers

import (
	"fmt"
	"sync"
	"time"
)

// batchBound is how long a batch may take before its projection is taken to hang: the server ends a transaction in which nothing is asked after half of it.
const batchBound = 10 * time.Minute

// projectionTurns are what a projection's loops did last, for who asks whether they hang.
type projectionTurns struct {
	mu      sync.Mutex
	looked  time.Time // when it last competed for the lock, or looked after it
	active  bool      // it holds the lock
	batch   time.Time // since when a batch is under way; zero: none is
	failure error     // why the last term ended; nil: it has not
}

// look notes that the lock was asked for, or looked after.
func (t *projectionTurns) look(active bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looked, t.active, t.failure = time.Now(), active, nil
}

// fail notes why a term has ended.
func (t *projectionTurns) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looked, t.active, t.failure = time.Time{}, false, err
}

// apply notes that a batch is under way, until the returned function is called.
func (t *projectionTurns) apply() (end func()) {
	t.set(time.Now())
	return func() { t.set(time.Time{}) }
}

func (t *projectionTurns) set(batch time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.batch = batch
}

// Alive returns nil while the projection makes progress, and an error once it has hung for longer than bound: a loop does not turn, or a batch takes longer than ten minutes,
// or than bound if that is more. A broker or a database that is away, and is tried again and again, is no reason, nor is standing by. It may be called at any time.
func (p *Projection) Alive(bound time.Duration) error {
	p.turns.mu.Lock()
	defer p.turns.mu.Unlock()
	if batch := p.turns.batch; !batch.IsZero() && time.Since(batch) > max(bound, batchBound) {
		return fmt.Errorf("projection %s: a batch has been under way for %s; restart the process", p.config.Name, time.Since(batch).Round(time.Second))
	}
	if looked := p.turns.looked; !looked.IsZero() && time.Since(looked) > bound+p.config.Standby {
		return fmt.Errorf("projection %s: nobody has looked after its lock for %s; restart the process", p.config.Name, time.Since(looked).Round(time.Second))
	}
	return nil
}

// Ready tells whether the projection is active or stands by, and returns an error while it can do neither: it does not run, or can't reach the broker or the database.
// It asks nobody, and may be called at any time.
func (p *Projection) Ready() (what string, err error) {
	p.turns.mu.Lock()
	defer p.turns.mu.Unlock()
	switch {
	case !p.running.Load():
		return "", fmt.Errorf("projection %s: %w", p.config.Name, errNotConsuming)
	case p.turns.failure != nil:
		return "", fmt.Errorf("projection %s: %w", p.config.Name, p.turns.failure)
	case p.turns.looked.IsZero():
		return "", fmt.Errorf("projection %s: it has not reached the database yet", p.config.Name)
	case p.turns.active:
		return "active", nil
	}
	return "standby", nil
}
