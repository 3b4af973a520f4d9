package publisher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ThreeDotsLabs/watermill/components/forwarder"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// topic is the forwarder's own; it never leaves the process.
const topic = "contrail"

const (
	// glance is how long the source looks away from the feed while batches are on their way and there is nothing to read.
	glance = 2 * time.Millisecond
	// touch is the longest that the source does not hear from the database, whatever the destination does.
	touch = time.Second
)

// source is the Watermill subscriber at the forwarder's beginning. It reads the feed, wraps each batch as the forwarder's own
// publisher does, and moves the cursor when batches are acked, in their order. One goroutine does all of it on one connection, so that
// losing the connection ends everything at once.
type source struct {
	*lead

	feed    *eventstore.Feed
	sleeper *eventstore.Sleeper
	abort   func(error) // turns away the batches that wait for their turn in the sink

	out       chan *message.Message
	wrap      *forwarder.Publisher
	inFlight  []flight // in the order of their numbers
	number    int
	published func()              // called whenever the broker has acknowledged something
	ahead     []contrail.Recorded // read, and not yet sent

	at     cursor                     // of what is settled
	passed contrail.Position          // everything up to here was emitted or left out
	skip   []contrail.Position        // behind at, ascending: to be passed over
	held   map[contrail.StreamID]bool // whose events are held; nil unless OnPermanent is PerStream
	anchor string                     // the id of the event at the cursor; "" when it is not known
	pulse  pulse                      // the last one
	heeded int64                      // the number of requests that were carried out; -1: look in any case

	done chan struct{} // nil until subscribed
	err  error         // why it ended, once done is closed; nil: ctx ended, and everything in flight was settled
}

// flight is a batch on its way.
type flight struct {
	message *message.Message
	batch   *batch
}

func newSource(ctx context.Context, l *lead, at cursor, abort func(error)) (*source, error) {
	sleeper, err := eventstore.NewSleeper(l.conn, l.config.Wake)
	if err != nil {
		return nil, err
	}
	s := &source{lead: l, sleeper: sleeper, abort: abort, out: make(chan *message.Message), at: at, passed: at.position, heeded: -1}
	s.wrap = forwarder.NewPublisher(s, forwarder.PublisherConfig{ForwarderTopic: topic})
	s.feed, err = eventstore.NewFeed(l.conn, eventstore.FeedConfig{
		After: at.position, BatchEvents: l.config.BatchEvents, BatchBytes: l.config.BatchBytes, Horizon: s.horizon,
	})
	if err != nil {
		return nil, err
	}
	if s.skip, err = l.ledger.leftOut(ctx, at.position); err != nil {
		return nil, err
	}
	s.anchorTo(at.position, "")
	if l.config.OnPermanent == PerStream {
		s.held, err = l.ledger.held(ctx)
	}
	return s, err
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
	if err := s.beat(ctx); err != nil { // is the stream paused?
		return err
	}
	for ctx.Err() == nil {
		err := s.settle(ctx)
		if err == nil && s.monitor.due() {
			err = s.beat(ctx)
		}
		if err == nil {
			err = s.step(ctx)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// step does the next thing: what persons have asked for, the next batch, or waiting.
func (s *source) step(ctx context.Context) error {
	if s.pulse.paused || s.heeded != s.pulse.requests {
		if len(s.inFlight) > 0 {
			s.awaitFront(ctx, true)
			return nil
		}
		if s.pulse.paused {
			return s.waitPaused(ctx)
		}
		return s.resend(ctx)
	}
	found, err := s.read(ctx)
	switch {
	case err != nil:
		return err
	case found && len(s.inFlight) < s.config.InFlight:
		return s.emitNext(ctx)
	case len(s.inFlight) > 0:
		s.awaitFront(ctx, found)
		return nil
	}
	return s.sleeper.Sleep(ctx, func(ctx context.Context) (bool, error) {
		found, err := s.read(ctx)
		return found || s.pulse.paused || s.heeded != s.pulse.requests || s.monitor.due(), err
	})
}

// errSetBack says that the event at the cursor is no longer what it was: the database was set back under the relay's connection. Asking the destination
// tells whether it is ahead.
var errSetBack = errors.New("the store no longer has the last event that was relayed: it was set back")

// anchorTo has every heartbeat ask for the event at the cursor.
func (s *source) anchorTo(position contrail.Position, id string) {
	s.anchor = id
	s.monitor.anchored.Store(int64(position))
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

// horizon is the feed's question. It is asked in one statement with what persons want, and with the heartbeat where that is due: so an idle relay
// makes no other, and one that is woken to heed something does not overlook it.
func (s *source) horizon(ctx context.Context) (contrail.Position, error) {
	ask := s.monitor.look
	if s.monitor.due() {
		ask = s.monitor.beat
	}
	err := s.learn(ctx, ask)
	return s.pulse.horizon, err
}

func (s *source) beat(ctx context.Context) error { return s.learn(ctx, s.monitor.beat) }

func (s *source) learn(ctx context.Context, ask func(context.Context, *pgx.Conn) (pulse, error)) error {
	s.progress.loop.turn(s.inFlight)
	ctx, cancel := s.config.queryContext(ctx)
	defer cancel()
	pulse, err := ask(ctx, s.conn)
	if err == nil && s.anchor != "" && pulse.anchor != s.anchor {
		err = errSetBack
	}
	if err != nil {
		return err
	}
	if pulse.paused != s.pulse.paused {
		s.tellPaused(ctx, pulse.paused)
	}
	s.pulse = pulse
	return nil
}

// emitNext sends the next events on their way, or leaves the next one out.
func (s *source) emitNext(ctx context.Context) error {
	n := s.suspects.cut(s.ahead)
	taken := s.ahead[:n]
	s.ahead = s.ahead[n:]
	events, left := s.sort(taken)
	if len(left) > 0 {
		if err := s.leave(ctx, left, false); err != nil {
			return err
		}
	}
	s.passed = taken[n-1].Position
	if len(events) == 0 {
		s.pass()
		return nil
	}
	return s.emit(ctx, &batch{events: events, through: s.passed})
}

// pass has the cursor move over what is left out when its turn comes. No middleware hears of it: there is nothing to publish.
func (s *source) pass() {
	msg := message.NewMessage("", nil)
	msg.Ack()
	s.inFlight = append(s.inFlight, flight{msg, &batch{through: s.passed, sent: true}})
}

// sort tells what is to be published from what is left out. What was left out before is in neither.
func (s *source) sort(taken []contrail.Recorded) (events []contrail.Recorded, left []Left) {
	if len(s.skip) == 0 && len(s.held) == 0 && len(s.suspects.refusals) == 0 {
		return taken, nil
	}
	for _, event := range taken {
		if _, skipped := slices.BinarySearch(s.skip, event.Position); skipped {
			continue
		}
		if one := s.verdict(event); one != nil {
			left = append(left, *one)
			continue
		}
		events = append(events, event)
	}
	return events, left
}

func (s *source) emit(ctx context.Context, b *batch) error {
	b.number = s.number
	msg, err := newMessage(ctx, b)
	if err != nil {
		return fmt.Errorf("wrap a batch: %w", err)
	}
	s.number++
	return s.wrap.Publish(s.config.Stream, msg) //nolint:wrapcheck // only wraps what is ours
}

// awaitFront waits until the batch in front is settled. When there is nothing to send either, it looks at the feed again soon.
func (s *source) awaitFront(ctx context.Context, found bool) {
	again := touch
	if !found {
		again = glance
	}
	timer := time.NewTimer(again)
	defer timer.Stop()
	front := s.inFlight[0].message
	select {
	case <-front.Acked():
	case <-front.Nacked():
	case <-timer.C:
	case <-ctx.Done():
	}
}

// queryTimeout bounds what the relay asks of the database, so that a connection to a vanished host does not hang for ever.
const queryTimeout = 15 * time.Second

// queryContext lets a query that has begun finish when ctx ends, for the sake of the connection, but not for longer than AckTimeout.
func (c Config) queryContext(ctx context.Context) (context.Context, context.CancelFunc) {
	query, cancel := context.WithTimeout(context.WithoutCancel(ctx), queryTimeout)
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(c.AckTimeout, cancel) })
	return query, func() { stop(); cancel() }
}
