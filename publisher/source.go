package publisher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/components/forwarder"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// topic is the forwarder's own; it never leaves the process.
const topic = "contrail"

// glance is how long the source looks away from the feed while batches are on their way and there is nothing to read.
const glance = 2 * time.Millisecond

// source is the Watermill subscriber at the forwarder's beginning. It reads the feed, wraps each batch as the forwarder's own
// publisher does, and moves the cursor when batches are acked, in their order. One goroutine does all of it on one connection, so that
// losing the connection ends everything at once.
type source struct {
	feed    *eventstore.Feed
	sleeper *eventstore.Sleeper
	ledger  ledger
	config  Config
	hook    func(point string)
	abort   func(error) // turns away the batches that wait for their turn in the sink

	out       chan *message.Message
	wrap      *forwarder.Publisher
	inFlight  []flight // in the order of their numbers
	number    int
	published bool                // the broker has acknowledged something
	ahead     []contrail.Recorded // read, and not yet sent

	done chan struct{} // nil until subscribed
	err  error         // why it ended, once done is closed; nil: ctx ended, and everything in flight was settled
}

// flight is a batch on its way.
type flight struct {
	message *message.Message
	batch   *batch
}

func newSource(l *lead, feed *eventstore.Feed, abort func(error)) (*source, error) {
	sleeper, err := eventstore.NewSleeper(l.conn, l.config.Wake)
	if err != nil {
		return nil, err
	}
	s := &source{
		feed: feed, sleeper: sleeper, ledger: l.ledger, config: l.config, hook: l.hook, abort: abort,
		out: make(chan *message.Message),
	}
	s.wrap = forwarder.NewPublisher(s, forwarder.PublisherConfig{ForwarderTopic: topic})
	return s, nil
}

// errNacked says that a batch in flight was not published; the sink knows why.
var errNacked = errors.New("a batch was not published")

// Subscribe starts the one goroutine. It ends with ctx, after what is in flight is settled, or with the first error.
func (s *source) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		defer close(s.out)
		s.err = s.run(ctx)
		s.err = errors.Join(s.err, s.drain(ctx))
	}()
	return s.out, nil
}

// Publish is the inner end of the forwarder's publisher: it hands the wrapped message to the router.
func (s *source) Publish(_ string, messages ...*message.Message) error {
	for _, msg := range messages {
		s.inFlight = append(s.inFlight, flight{msg, batchOf(msg)})
		s.out <- msg
	}
	return nil
}

// Close does nothing: the source ends with the context that it was subscribed with.
func (s *source) Close() error { return nil }

func (s *source) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := s.settle(ctx); err != nil {
			return err
		}
		found, err := s.read(ctx)
		switch {
		case err != nil:
			return err
		case found && len(s.inFlight) < s.config.InFlight:
			err = s.emit(ctx)
		case len(s.inFlight) > 0:
			s.awaitFront(ctx, found)
		default:
			err = s.sleeper.Sleep(ctx, s.read)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// read keeps one batch ready. A query that has begun is finished also when ctx ends, for the sake of the connection.
func (s *source) read(ctx context.Context) (bool, error) {
	if len(s.ahead) == 0 {
		s.hook("before fetch")
		ctx, cancel := s.config.queryContext(ctx)
		defer cancel()
		events, err := s.feed.Next(ctx)
		if err != nil {
			return false, err
		}
		s.ahead = events
		s.hook("after fetch")
	}
	return len(s.ahead) > 0, nil
}

func (s *source) emit(ctx context.Context) error {
	b := &batch{number: s.number, events: s.ahead}
	msg, err := newMessage(ctx, b)
	if err != nil {
		return fmt.Errorf("wrap a batch: %w", err)
	}
	s.number++
	s.ahead = nil
	return s.wrap.Publish(s.config.Stream, msg) //nolint:wrapcheck // only wraps what is ours
}

// awaitFront waits until the batch in front is settled. When there is nothing to send either, it looks at the feed again soon.
func (s *source) awaitFront(ctx context.Context, found bool) {
	var again <-chan time.Time
	if !found {
		timer := time.NewTimer(glance)
		defer timer.Stop()
		again = timer.C
	}
	front := s.inFlight[0].message
	select {
	case <-front.Acked():
	case <-front.Nacked():
	case <-again:
	case <-ctx.Done():
	}
}

// settle takes the acked batches off the front and saves the cursor once for all of them.
func (s *source) settle(ctx context.Context) error {
	var last *batch
	for len(s.inFlight) > 0 && isClosed(s.inFlight[0].message.Acked()) && (last == nil || last.sequence > 0) {
		last, s.inFlight = s.inFlight[0].batch, s.inFlight[1:]
	}
	if last != nil && last.sequence == 0 { // a middleware acked what it never handed on
		return errNacked
	}
	if last != nil {
		if err := s.save(ctx, last); err != nil {
			return err
		}
	}
	if len(s.inFlight) > 0 && isClosed(s.inFlight[0].message.Nacked()) {
		return errNacked
	}
	return nil
}

func isClosed(signal <-chan struct{}) bool {
	select {
	case <-signal:
		return true
	default:
		return false
	}
}

func (s *source) save(ctx context.Context, last *batch) error {
	s.hook("after publish")
	ctx, cancel := s.config.queryContext(ctx)
	defer cancel()
	if err := s.ledger.save(ctx, cursor{last.last(), last.sequence}); err != nil {
		return err
	}
	s.published = true
	s.hook("after cursor")
	s.config.Logger.DebugContext(ctx, "published", slogStream(s.config.Stream), slogPosition(last.last()), slogSequence(last.sequence))
	return nil
}

// drain waits for every batch in flight; the sink's acknowledgement timeout bounds it. What waits for its turn behind a nacked batch is
// turned away; what was sent behind it may be acked, but the cursor stays before the gap.
func (s *source) drain(ctx context.Context) error {
	if errors.Is(s.err, errNacked) {
		s.abort(errNacked)
	}
	for _, flight := range s.inFlight {
		select {
		case <-flight.message.Acked():
		case <-flight.message.Nacked():
			s.abort(errNacked)
		}
	}
	return s.settle(ctx)
}

// queryTimeout bounds what the relay asks of the database, so that a connection to a vanished host does not hang for ever.
const queryTimeout = 30 * time.Second

// queryContext lets a query that has begun finish when ctx ends, for the sake of the connection, but not for longer than AckTimeout.
func (c Config) queryContext(ctx context.Context) (context.Context, context.CancelFunc) {
	query, cancel := context.WithTimeout(context.WithoutCancel(ctx), queryTimeout)
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(c.AckTimeout, cancel) })
	return query, func() { stop(); cancel() }
}
