package telemetry

import (
	"context"
	"sync"
	"time"

	"github.com/contrail-events/contrail/internal/picture"
)

const (
	// lookPatience is how long a scrape waits for a picture: Prometheus gives up after 10 s by default, and then has nothing of the process at all.
	lookPatience = 3 * time.Second
	// lookBound is how long reading a picture may take.
	lookBound = 10 * time.Second
	// lookStale is for how long a picture is told while the next one is being read.
	lookStale = 30 * time.Second
)

// look is a picture, and what was counted with it.
type look struct {
	picture       picture.Picture
	appended      int64
	appendedKnown bool
	at            time.Time
}

// looks keeps the last look, and has one read at a time.
type looks struct {
	life     context.Context //nolint:containedctx // of whoever reads: a scrape's own ends with the scrape
	end      context.CancelFunc
	source   Source
	appended *appendedCounter // nil: nobody counts
	every    time.Duration

	mu      sync.Mutex
	last    look
	reading chan struct{} // closed when it is read; nil: nobody reads
	closed  bool
	running sync.WaitGroup
}

func newLooks(life context.Context, source Source, cfg GaugesConfig) *looks {
	l := &looks{source: source, every: cfg.Every}
	l.life, l.end = context.WithCancel(life)
	if cfg.Database != nil {
		l.appended = &appendedCounter{db: cfg.Database}
	}
	return l
}

// latest returns a look that is not older than every, if it can be had in time, or else one that is not stale.
func (l *looks) latest(ctx context.Context) (look, bool) {
	if last, fresh := l.fresh(l.every); fresh {
		return last, true
	}
	timer := time.NewTimer(lookPatience)
	defer timer.Stop()
	select {
	case <-l.read(): //nolint:contextcheck // it reads for whoever scrapes next, too
	case <-timer.C:
	case <-ctx.Done():
	}
	return l.fresh(max(lookStale, l.every))
}

func (l *looks) fresh(within time.Duration) (look, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last, !l.last.at.IsZero() && time.Since(l.last.at) < within
}

// read has a look read, unless that is under way, and returns what tells its end.
func (l *looks) read() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reading != nil {
		return l.reading
	}
	done := make(chan struct{})
	if l.closed {
		close(done)
		return done
	}
	l.reading = done
	l.running.Go(func() {
		defer close(done)
		seen := l.look()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.last, l.reading = seen, nil
	})
	return done
}

func (l *looks) look() look {
	ctx, cancel := context.WithTimeout(l.life, lookBound)
	defer cancel()
	var seen look
	if l.appended != nil {
		seen.appended, seen.appendedKnown = l.appended.count(ctx)
	}
	seen.picture = l.source.Read(ctx)
	seen.at = time.Now()
	return seen
}

func (l *looks) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.end()
	l.running.Wait()
}
