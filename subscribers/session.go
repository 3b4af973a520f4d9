package subscribers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/contrail-events/contrail/subscribers/attempts"
)

// session is one Run of a subscription: its feeds fill the scheduler, and workers empty it.
type session struct {
	*Subscription

	turns     turns
	feeds     []*feed
	scheduler *scheduler
	workers   []*worker
	letters   deadLetters
	stopping  chan struct{} // closed by halt
	halt      func()        // no worker starts anything from now on
	broken    chan error    // what ends Run

	life context.Context //nolint:containedctx // Run's: a lane's timer has none
}

func newSession(sub *Subscription, feeds ...*feed) *session {
	s := &session{
		Subscription: sub,
		feeds:        feeds,
		letters:      deadLetters{js: sub.js, name: sub.config.DeadLetters, events: sub.config.Stream},
		stopping:     make(chan struct{}),
		broken:       make(chan error, 1),
	}
	for range sub.config.Concurrency {
		s.workers = append(s.workers, newWorker(s))
	}
	s.scheduler = newScheduler(sub.config, s.link)
	s.scheduler.pausedConsumer = s.isPaused
	s.halt = sync.OnceFunc(func() {
		s.scheduler.pause()
		close(s.stopping)
	})
	return s
}

func (s *session) link() (reconnects uint64, connected bool) {
	conn := s.js.Conn()
	return conn.Stats().Reconnects, conn.IsConnected()
}

// isPaused tells whether the consumer that delivered an event is paused. In doubt it is not.
func (s *session) isPaused(d *delivery) bool {
	_, meta := d.current()
	ctx, cancel := context.WithTimeout(s.life, lastWrite)
	defer cancel()
	consumer, err := s.js.Consumer(ctx, meta.Stream, meta.Consumer)
	return err == nil && consumer.CachedInfo().Paused
}

func (s *session) run(ctx context.Context) error {
	s.life = ctx
	defer s.progress.enter(s)()
	consumers, err := insist(ctx, s.config, s.prepared)
	if err != nil || consumers == nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	working, stopWorking := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWorking()
	context.AfterFunc(ctx, func() { time.AfterFunc(s.config.DrainTimeout, stopWorking) })

	finished := s.start(working)
	watched := background(
		func() { s.fold(ctx) },
		func() { s.heed(ctx) },
	)
	defer watched()
	err = s.consume(ctx, consumers)
	s.halt()
	cancel()
	s.release(working)
	finished()
	return err
}

// prepare makes sure that there is all that a delivery may need. That the inbox is there it learns before any delivery is used up.
func (s *session) prepare(ctx context.Context) ([]jetstream.Consumer, error) {
	if s.needsInbox() {
		if err := s.config.Inbox.once(ctx, claim{consumer: s.config.inboxName(), patience: s.config.handlersEnd()}, nil); err != nil {
			return nil, err
		}
	}
	if err := s.letters.ensure(ctx); err != nil {
		return nil, err
	}
	if err := s.checkUndivided(ctx); err != nil {
		return nil, err
	}
	consumers := make([]jetstream.Consumer, len(s.feeds))
	for i, feed := range s.feeds {
		var err error
		if consumers[i], err = feed.ensure(ctx, s.js, s.config); err != nil {
			return nil, err
		}
	}
	if _, err := s.advisories(ctx); err != nil { // before the first delivery can be the last
		return nil, err
	}
	return consumers, nil
}

// start starts the workers, their guard and the heartbeat, and returns what waits for their end, workers first.
func (s *session) start(ctx context.Context) (finished func()) {
	var workers, others sync.WaitGroup
	for _, w := range s.workers {
		workers.Go(func() { w.work(ctx) })
	}
	still := make(chan struct{})
	others.Go(func() { s.beat(ctx, still) })
	others.Go(func() { s.guard(ctx, still) })
	return func() {
		workers.Wait()
		close(still)
		others.Wait()
	}
}

// consume takes deliveries in from all feeds until ctx ends, or one of them has to. When it returns no more arrive.
func (s *session) consume(ctx context.Context, consumers []jetstream.Consumer) error {
	group, ctx := errgroup.WithContext(ctx)
	for i, feed := range s.feeds {
		group.Go(func() error { return s.follow(ctx, feed, consumers[i]) })
	}
	return group.Wait() //nolint:wrapcheck // it is our own
}

// follow takes deliveries in over as many lives as the consumer has.
func (s *session) follow(ctx context.Context, feed *feed, consumer jetstream.Consumer) error {
	for {
		gone, err := s.followOnce(ctx, feed, consumer)
		if err != nil || !gone {
			return err
		}
		s.config.Logger.WarnContext(ctx, "the consumer is gone, creating it again",
			slog.String("consumer", feed.name), slog.String("stream", feed.stream))
		s.scheduler.forgetDone()
		s.scheduler.orphan(feed.id)
		consumers, err := insist(ctx, s.config, s.prepared)
		if err != nil || consumers == nil {
			return err
		}
		consumer = consumers[slices.Index(s.feeds, feed)]
	}
}

// pullHeartbeat is how often the broker says that a pull is still waiting; two that are missing are what is left to tell that the consumer is gone,
// when its deletion crossed with a pull on the way.
const pullHeartbeat = 5 * time.Second

// followOnce returns true when the consumer was deleted.
func (s *session) followOnce(ctx context.Context, feed *feed, consumer jetstream.Consumer) (gone bool, err error) {
	doubt := make(chan struct{}, 1)
	receiving, err := consumer.Consume(func(msg jetstream.Msg) { s.receive(ctx, feed, msg) },
		jetstream.PullMaxMessages(s.config.MaxAckPending), jetstream.PullHeartbeat(pullHeartbeat),
		jetstream.ConsumeErrHandler(s.consumeError(ctx, doubt)))
	if err != nil {
		return false, fmt.Errorf("consume: %w", err)
	}
	closed := receiving.Closed()
	for {
		select {
		case <-ctx.Done():
			s.stop(ctx, receiving, closed)
			return false, nil
		case <-s.misused:
			s.stop(ctx, receiving, closed)
			return false, s.misuse()
		case err := <-s.broken:
			s.stop(ctx, receiving, closed)
			return false, err
		case <-doubt:
			if _, err := consumer.Info(ctx); errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
				receiving.Stop()
				return true, nil
			}
		case <-closed:
			if s.js.Conn().IsClosed() {
				return false, nats.ErrConnectionClosed
			}
			return true, nil
		}
	}
}

// stop ends the pulling. Deliveries that are on their way still arrive, and no worker starts any.
func (s *session) stop(ctx context.Context, receiving jetstream.ConsumeContext, closed <-chan struct{}) {
	s.halt()
	receiving.Drain()
	timer := time.NewTimer(s.config.DrainTimeout)
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
		s.config.Logger.WarnContext(ctx, "the broker is out of reach; what it has sent last is delivered again after its ack wait",
			slog.String("consumer", s.config.Durable))
	}
}

// consumeError hears of what the client library makes good by itself, and casts doubt on the consumer when it might be gone.
func (s *session) consumeError(ctx context.Context, doubt chan<- struct{}) func(jetstream.ConsumeContext, error) {
	return func(_ jetstream.ConsumeContext, err error) {
		s.config.Logger.DebugContext(ctx, "consume", slog.String("consumer", s.config.Durable), slog.Any("error", err))
		if errors.Is(err, jetstream.ErrNoHeartbeat) || errors.Is(err, nats.ErrNoResponders) {
			select {
			case doubt <- struct{}{}:
			default:
			}
		}
	}
}

// receive takes one delivery in. It does not block.
func (s *session) receive(ctx context.Context, from *feed, msg jetstream.Msg) {
	d, err := newDelivery(from, msg)
	if err != nil {
		s.config.Logger.WarnContext(ctx, "a message without JetStream's metadata is ignored", slog.Any("error", err))
		return
	}
	s.counters.delivered.Add(1)
	s.telemetry.deliver(ctx, d)
	d.form = s.formOf(d.eventType)
	d.alone = d.alone || s.isTrial(d)
	switch s.scheduler.admit(d) {
	case admitted:
	case renewed:
		s.counters.add(ctx, attempts.Duplicate)
	case repeated:
		s.counters.add(ctx, attempts.Duplicate)
		s.reply(ctx, d, jetstream.Msg.Ack)
	case refused, exhausted:
		s.giveBack(ctx, d)
	}
}

// release gives back what no worker will start, and lets the workers end.
func (s *session) release(ctx context.Context) {
	back, last := s.scheduler.close()
	for _, d := range append(back, last...) {
		s.giveBack(ctx, d)
	}
}
