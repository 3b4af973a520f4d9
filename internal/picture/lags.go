package picture

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers/projections"
)

// lags remembers what filtered projections have yet to read: to count that takes a consumer of the broker's, which is not to be made every second, nor
// where nothing has changed.
type lags struct {
	mu    sync.Mutex
	known map[string]countedLag // by projection
}

type countedLag struct {
	checkpoint, last uint64 // sequences that it was counted between
	at               time.Time
	lag              uint64
}

// recall is what is known, if that holds still: it does where nothing has changed, and for a while otherwise.
func (l *lags) recall(name string, checkpoint, last uint64, lasting time.Duration) (uint64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one, ok := l.known[name]
	same := one.checkpoint == checkpoint && one.last == last
	return one.lag, ok && (same || time.Since(one.at) < lasting)
}

func (l *lags) remember(name string, one countedLag) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = map[string]countedLag{}
	}
	l.known[name] = one
}

// readLags completes the projections that the database knows with what the broker knows. Their lags stay unknown without a broker.
func (r *Reader) readLags(ctx context.Context, to *Picture, known []projections.Projection) (err error) {
	to.Projections = []Projection{}
	streams := map[string]*jetstream.StreamInfo{}
	for _, one := range known {
		completed := Projection{Projection: one}
		if to.NATS.Up && one.Stream != "" {
			lag, failure := r.lagOf(ctx, one, streams)
			if failure == nil {
				count := int64(lag) //nolint:gosec // a number of messages
				completed.Lag = &count
			} else {
				err = failure
			}
		}
		to.Projections = append(to.Projections, completed)
	}
	return err
}

// lagOf is what a projection has yet to read: exactly what lies behind its checkpoint where it reads all there is.
func (r *Reader) lagOf(ctx context.Context, one projections.Projection, streams map[string]*jetstream.StreamInfo) (uint64, error) {
	info := streams[one.Stream]
	if info == nil {
		stream, err := r.js.Stream(ctx, one.Stream)
		if err != nil {
			return 0, fmt.Errorf("look up stream %s: %w", one.Stream, err)
		}
		info = stream.CachedInfo()
		streams[one.Stream] = info
	}
	last, passed := info.State.LastSeq, max(one.Sequence, max(info.State.FirstSeq, 1)-1)
	switch {
	case last <= passed:
		return 0, nil
	case r.readsAll(one):
		return last - passed, nil
	}
	if lag, ok := r.counted.recall(one.Name, one.Sequence, last, r.config.Limits.Recount); ok {
		return lag, nil
	}
	lag, err := projections.Lag(ctx, r.js, one)
	if err == nil {
		r.counted.remember(one.Name, countedLag{checkpoint: one.Sequence, last: last, at: time.Now(), lag: lag})
	}
	return lag, err
}

func (r *Reader) readsAll(one projections.Projection) bool {
	for _, subject := range one.Subjects {
		if subject == ">" || subject == r.config.Prefix+".>" {
			return true
		}
	}
	return len(one.Subjects) == 0
}
