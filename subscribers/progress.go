package subscribers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// progress is what the sessions of a subscription did last, for who asks whether they hang. With Config.Partitions there are several.
type progress struct {
	mu       sync.Mutex
	sessions map[*session]struct{}
}

// enter makes a session known that runs, until the returned function is called.
func (p *progress) enter(s *session) (leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sessions == nil {
		p.sessions = map[*session]struct{}{}
	}
	p.sessions[s] = struct{}{}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.sessions, s)
	}
}

func (p *progress) all() (all []*turns) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.sessions {
		all = append(all, &s.turns)
	}
	return all
}

// turns are what one session's loops did last.
type turns struct {
	moves atomic.Uint64 // grows whenever a worker takes something up

	mu      sync.Mutex
	lacking error     // what keeps it from consuming; nil: nothing does, once it is prepared
	ready   bool      // it is prepared
	seen    uint64    // moves, when the guard last looked
	moved   time.Time // when the guard last saw that the workers got on, or that there was nothing to get on with
	guarded time.Time // when the guard last looked; zero: there is none
}

// move notes that a worker gets on.
func (t *turns) move() { t.moves.Add(1) }

// guard notes that the workers' guard looks; busy says whether there is anything to get on with.
func (t *turns) guard(busy bool) {
	moves := t.moves.Load()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.guarded = time.Now()
	if !busy || moves != t.seen {
		t.seen, t.moved = moves, t.guarded
	}
}

// stalled is for how long the workers have not got on with what there is to do, and for how long the guard has not looked.
func (t *turns) stalled() (workers, guard time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.guarded.IsZero() {
		return 0, 0
	}
	return time.Since(t.moved), time.Since(t.guarded)
}

var errNotPrepared = errors.New("its consumers are not made yet")

func (t *turns) lacks() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ready && t.lacking == nil {
		return errNotPrepared
	}
	return t.lacking
}

// prepared is prepare, and notes what comes of it.
func (s *session) prepared(ctx context.Context) ([]jetstream.Consumer, error) {
	consumers, err := s.prepare(ctx)
	s.turns.mu.Lock()
	defer s.turns.mu.Unlock()
	s.turns.lacking, s.turns.ready = err, err == nil
	return consumers, err
}

// busy tells whether an event waits for a worker, or is with one.
func (s *scheduler) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ready.empty() && !s.paused {
		return true
	}
	for _, l := range s.lanes {
		if l.running > 0 {
			return true
		}
	}
	return false
}

// Alive returns nil while the subscription makes progress, and an error once its loops have done nothing for longer than bound although there are events to handle: something
// hangs that only a restart mends. A handler has Config.HandlerTimeout, and as long again, at most 30 s, before it is given up, and between two tries to reach a server
// the workers rest for up to Config.Backoff.Max, at most a minute; that is added to bound. A broker or a database that is away, and is tried again and again, is no reason. It may be called at any time.
func (s *Subscription) Alive(bound time.Duration) error {
	for _, turns := range s.progress.all() {
		workers, guard := turns.stalled()
		switch {
		case workers > bound+s.config.handlersEnd()+s.config.Backoff.longestPause():
			return fmt.Errorf("subscription %s: the workers have not got on for %s; restart the process", s.config.Durable, workers.Round(time.Second))
		case guard > max(bound, s.config.handlersEnd()/16+time.Second):
			return fmt.Errorf("subscription %s: the loop that looks after the workers has not turned for %s; restart the process",
				s.config.Durable, guard.Round(time.Second))
		}
	}
	return nil
}

// Ready returns an error while the subscription can't handle events: it does not run, or its consumers are not there, and why. It asks nobody, and may be called at any
// time.
func (s *Subscription) Ready() (what string, err error) {
	sessions := s.progress.all()
	if len(sessions) == 0 {
		return "", fmt.Errorf("subscription %s: %w", s.config.Durable, errNotConsuming)
	}
	for _, turns := range sessions {
		if err := turns.lacks(); err != nil {
			return "", fmt.Errorf("subscription %s: %w", s.config.Durable, err)
		}
	}
	return "consuming", nil
}

var errNotConsuming = errors.New("it does not run")
