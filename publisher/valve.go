package publisher

import (
	"context"
	"errors"
	"sync"
)

var (
	// errPaused ends a term of leadership because this relay is paused.
	errPaused = errors.New("the relay is paused")
	// errStopped ends a relay that was told to stop from elsewhere.
	errStopped = errors.New("the relay was told to stop")
)

// valve lets a relay work or not, as persons say. Its zero value is open.
type valve struct {
	mu      sync.Mutex
	paused  bool
	changed chan struct{} // closed at the next change; nil until somebody waits for one
}

// set pauses or resumes.
func (v *valve) set(paused bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.paused == paused {
		return
	}
	v.paused = paused
	if v.changed != nil {
		close(v.changed)
		v.changed = nil
	}
}

// state tells whether the relay is paused, and when that may have changed.
func (v *valve) state() (paused bool, changed <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.changed == nil {
		v.changed = make(chan struct{})
	}
	return v.paused, v.changed
}

// await returns when the relay is not paused, or with ctx.
func (v *valve) await(ctx context.Context) {
	for ctx.Err() == nil {
		paused, changed := v.state()
		if !paused {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// watch returns a context that ends with errPaused when the relay is paused, and the function that must be called at its end.
func (v *valve) watch(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		for ctx.Err() == nil {
			paused, changed := v.state()
			if paused {
				cancel(errPaused)
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}
