package subscribers

import (
	"context"
	"sync"
	"time"
)

// usualLease is how long a member may be silent before others take over what it holds. It renews its lease every third of it.
const usualLease = 15 * time.Second

// lease is a member's right to hold partitions. It runs out by the member's own clock, before it does for others: they count from when they hear of a
// renewal, and the member from before it sent it.
type lease struct {
	length time.Duration

	mu    sync.Mutex
	until time.Time
	timer *time.Timer
	life  context.Context //nolint:containedctx // what the lease allows ends with it
	end   context.CancelFunc
}

func newLease(length time.Duration) *lease { return &lease{length: length} }

// renewed lengthens the lease, by a renewal that was sent at a time and has arrived. It may have run out before, and nobody have noticed, in a process
// that was frozen.
func (l *lease) renewed(sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endIfOver()
	l.until = sent.Add(l.length)
	if l.timer == nil {
		l.timer = time.AfterFunc(time.Until(l.until), l.lapse)
		return
	}
	l.timer.Reset(time.Until(l.until))
}

// valid tells whether the lease has not run out.
func (l *lease) valid() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Before(l.until)
}

// lapse ends what the lease allowed, if it has run out.
func (l *lease) lapse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endIfOver()
}

func (l *lease) endIfOver() {
	if l.end != nil && !time.Now().Before(l.until) {
		l.end()
	}
}

// context ends when the lease runs out, or has ended; a lease that is renewed later allows a new one. The values are ctx's.
func (l *lease) context(ctx context.Context) context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.life == nil || l.life.Err() != nil {
		l.life, l.end = context.WithCancel(context.WithoutCancel(ctx))
	}
	l.endIfOver()
	return l.life
}

// close ends it for good.
func (l *lease) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil {
		l.timer.Stop()
	}
	if l.end != nil {
		l.end()
	}
}
