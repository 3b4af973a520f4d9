package subscribers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
)

// Subscription consumes events through a durable JetStream consumer. Make it with [New], give it handlers with [Handle] and [HandleTx],
// then call [Subscription.Run].
type Subscription struct {
	js        jetstream.JetStream
	config    Config
	selected  selection
	beginning beginning
	counters  counters
	telemetry *telemetry // may be nil
	journal   *journal   // may be nil
	progress  progress
	hooks     hooks
	id        string        // of the subscription in this process
	trials    chan struct{} // has room for one

	mu       sync.Mutex
	handlers map[string]handler // by event type; not changed once started
	faults   []error            // of registrations
	started  bool
	running  bool
	misused  chan struct{}
}

// hooks let tests stop the process where it hurts.
type hooks struct {
	committed func()        // a transaction is committed, and none of its events acknowledged
	lease     time.Duration // of a member, if it is not the usual one
}

// New checks config and returns a subscription without handlers. The error names every field that is wrong. It does not talk to the broker,
// and closes neither js nor what is in config.
func New(js jetstream.JetStream, config Config) (*Subscription, error) {
	return newSubscription(js, config, config.Durable)
}

// newSubscription is New. label stands for the durable in figures, whose labels must have few values.
func newSubscription(js jetstream.JetStream, config Config, label string) (*Subscription, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("configure a subscription: %w", err)
	}
	told, err := newTelemetry(config, label)
	if err != nil {
		return nil, fmt.Errorf("configure a subscription: Meter: %w", err)
	}
	return &Subscription{
		js: js, config: config, selected: config.selection(),
		counters: counters{telemetry: told}, telemetry: told, journal: newJournal(js, config),
		handlers: map[string]handler{}, misused: make(chan struct{}, 1),
		id: uuid.NewString(), trials: make(chan struct{}, 1),
		hooks: hooks{committed: func() {}},
	}, nil
}

// Run consumes until ctx ends; then it takes no new events, lets running handlers finish within DrainTimeout, acknowledges what they did,
// gives the rest back to the broker and returns nil. When a handler ignores the end of its ctx, Run waits for it until it is given up.
//
// It creates the consumer, or updates the one of that name, and the stream of dead letters. What is not there yet it waits for: broker and database
// out of reach, or the stream missing, are logged and tried again for ever. The error is about what only a person can mend: wrong
// registrations, a consumer of that name made for something else, a missing inbox table, a closed connection. Run may be called again after it returned.
func (s *Subscription) Run(ctx context.Context) error {
	if err := s.begin(); err != nil {
		return fmt.Errorf("subscription %s: %w", s.config.Durable, err)
	}
	defer s.end()
	consume := newSession(s, s.eventsFeed(), s.requeueFeed()).run
	if s.config.Partitions > 0 {
		consume = newPartitions(s).run
	}
	s.telemetry.start(ctx)
	defer s.keepJournal(ctx)()
	if err := consume(ctx); err != nil {
		return fmt.Errorf("subscription %s: %w", s.config.Durable, err)
	}
	return nil
}

// keepJournal has the journal written, until the returned function is called, which waits for what was told last.
func (s *Subscription) keepJournal(ctx context.Context) (end func()) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	written := background(func() { s.journal.run(ctx) })
	return func() { stop(); written() }
}

func (s *Subscription) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.faults) > 0:
		return errors.Join(s.faults...)
	case len(s.handlers) == 0:
		return errNoHandler
	case s.running:
		return errRunning
	}
	s.started, s.running = true, true
	return nil
}

// needsInbox tells whether any handler runs in a transaction.
func (s *Subscription) needsInbox() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.handlers {
		if h.form != inNone {
			return true
		}
	}
	return false
}

func (s *Subscription) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
}

func (s *Subscription) misuse() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.faults...)
}

// Stats returns what the subscription has done in this process so far. It may be called at any time, from any goroutine.
func (s *Subscription) Stats() Stats {
	stats := s.counters.stats()
	stats.Untold = s.journal.untold()
	return stats
}

// beginning is where a new consumer begins. It is found out once: a consumer that is deleted while events come in begins there again, and misses
// none.
type beginning struct {
	mu    sync.Mutex
	known uint64
	of    time.Time // when the stream was made that it is about
}

// firstSequence returns the sequence of the first message that a new consumer is about.
func (s *Subscription) firstSequence(ctx context.Context) (uint64, error) {
	s.beginning.mu.Lock()
	defer s.beginning.mu.Unlock()
	if s.config.Start == (Start{}) {
		return 0, nil
	}
	stream, err := s.js.Stream(ctx, s.config.Stream)
	if err != nil {
		return 0, fmt.Errorf("look up stream %s: %w", s.config.Stream, err)
	}
	created := stream.CachedInfo().Created
	switch begin := &s.beginning; {
	case begin.known > 0 && begin.of.Equal(created):
		return begin.known, nil
	case begin.known > 0: // made anew: all that is in it came later
		begin.known, begin.of = firstSequence, created
		return begin.known, nil
	}
	s.beginning.known, err = s.config.Start.Sequence(ctx, s.js, s.config.Stream, "")
	s.beginning.of = created
	return s.beginning.known, err
}
