package publisher

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// loop is what the leader's loop did last, for who asks whether it hangs.
type loop struct {
	mu     sync.Mutex
	turned time.Time // when it last heard from the database; zero: it does not run
	front  *batch    // the one whose turn it is to be settled; nil: none is on its way
	since  time.Time // it is that one's turn
}

// turn notes that the loop goes round, and which batch it waits for. It is called once a second, or thereabouts.
func (l *loop) turn(inFlight []flight) {
	var front *batch
	if len(inFlight) > 0 {
		front = inFlight[0].batch
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turned = time.Now()
	if front != l.front {
		l.front, l.since = front, l.turned
	}
}

// stop notes that the loop has ended: who asks a broker where it is, or rests before it tries again, is not at fault.
func (l *loop) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turned, l.front = time.Time{}, nil
}

// stalled tells what there was no progress with, and for how long, if that is longer than a batch may take, or the loop to turn.
func (l *loop) stalled(batch, turn time.Duration) (what string, silent time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.turned.IsZero() {
		return "", 0
	}
	onTheirWay := ""
	if l.front != nil && len(l.front.events) > 0 {
		events := l.front.events
		onTheirWay = fmt.Sprintf("positions %d to %d", events[0].Position, events[len(events)-1].Position)
	}
	silent = time.Since(l.turned)
	switch waited := time.Since(l.since); {
	case onTheirWay == "" && silent > turn:
		return "the leader's loop has not turned", silent
	case onTheirWay != "" && waited > batch && silent > 3*touch:
		return fmt.Sprintf("the leader's loop has not turned, with %s on their way,", onTheirWay), silent
	case onTheirWay != "" && waited > batch:
		return fmt.Sprintf("the batch of %s has neither been published nor given up", onTheirWay), waited
	}
	return "", 0
}

// Alive returns nil while the relay's loops make progress, and an error that says which does not, and for how long, once one has not for longer than bound: something
// hangs that only a restart mends, such as a middleware or a hook that does not return. A broker or a database that is away, and is tried again and again, is
// no reason; nor is having nothing to do, or standing by. Below what an attempt may take by the relay's Config the bound counts as that. It may be called at any time.
func (r *Relay) Alive(bound time.Duration) error {
	m := r.running.Load()
	if m == nil {
		return nil
	}
	if silent := m.silent(); silent > max(bound, 3*r.config.patienceWithLeader()) {
		return fmt.Errorf("relay of stream %s: the heartbeat was not tried for %s; restart the process", r.config.Stream, silent.Round(time.Second))
	}
	batch := max(bound, 2*r.config.AckTimeout)
	if what, silent := r.progress.loop.stalled(batch, max(batch, 2*r.config.Wake.Interval()+touch)); what != "" {
		return fmt.Errorf("relay of stream %s: %s for %s; restart the process", r.config.Stream, what, silent.Round(time.Second))
	}
	return nil
}

var (
	errNotRunning = errors.New("it does not run")
	errStopping   = errors.New("it was told to end")
)

// silentFor is how long a relay that does not beat is taken to be there, as in package control.
const silentFor = 20 * time.Second

// Ready tells what the relay does, leading, standby or paused, and returns an error while it can't take its part: it does not run, or no longer, or
// its heartbeat has not reached the database for 20 s. It may be called at any time.
func (r *Relay) Ready() (state string, err error) {
	m := r.running.Load()
	if m == nil {
		return "", fmt.Errorf("relay of stream %s: %w", r.config.Stream, errNotRunning)
	}
	state, beaten := m.heard()
	switch {
	case state == stateStopping:
		return state, fmt.Errorf("relay of stream %s: %w", r.config.Stream, errStopping)
	case beaten.IsZero():
		return state, fmt.Errorf("relay of stream %s: its heartbeat has not reached the database yet", r.config.Stream)
	}
	if ago := wallClock().Sub(beaten); ago > silentFor {
		return state, fmt.Errorf("relay of stream %s: its heartbeat has not reached the database for %s", r.config.Stream, ago.Round(time.Second))
	}
	return state, nil
}

// heard is what the relay does, and when its last heartbeat succeeded.
func (m *monitor) heard() (state string, beaten time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state, m.beaten
}

// silent is for how long nobody has tried to beat; 0 when the next beat is to come at once, or none has come yet.
func (m *monitor) silent() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tried.IsZero() {
		return 0
	}
	return wallClock().Sub(m.tried)
}
