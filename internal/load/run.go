package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// Run appends events to a migrated store, by way of pool, and follows each through JetStream to where it arrives. First every writer appends one event that
// does not count, and waits until it has arrived, so that all is up and running; then the schedule begins. pool needs room for
// Config.Concurrency connections.
//
// It ends with the schedule, once all has arrived or for Config.Patience nothing has, or soon after ctx does, which is no error: the report tells of what was
// measured by then, and that it was interrupted. An append that fails for a passing reason is tried again with the same ids. The error is about a faulty
// config, an append that was refused, or a part of the way that ended: the relay, the subscription, the stream.
//
// Events are appended for good. Nothing is left of the ephemeral consumer; see Config.Durable for the other one.
func Run(ctx context.Context, pool *pgxpool.Pool, js jetstream.JetStream, cfg Config) (Report, error) {
	if err := cfg.Validate(); err != nil {
		return Report{}, fmt.Errorf("configure a load: %w", err)
	}
	cfg = cfg.withDefaults()
	store, err := eventstore.New(eventstore.Config{})
	if err != nil {
		return Report{}, err
	}
	working, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	r := &run{
		config: cfg, js: js, identity: newIdentity(), ledger: newLedger(cfg), clock: clock{began: time.Now()}, working: working, stop: stop,
		schedule: &schedule{rate: cfg.Rate, batch: int64(cfg.Batch), count: cfg.Count, duration: cfg.Duration},
	}
	r.writers = &writers{
		config: cfg, pool: pool, store: store, identity: r.identity, ledger: r.ledger, schedule: r.schedule, clock: r.clock, data: payload(cfg.Size),
	}
	err = r.measure(ctx)
	stop(errDone)
	r.parts.Wait()
	if cause := context.Cause(working); !errors.Is(cause, errDone) {
		err = cause // it made the rest go wrong
	}
	if err != nil {
		return Report{}, fmt.Errorf("load: %w", err)
	}
	return r.report(ctx.Err() != nil), nil
}

var errDone = errors.New("the run is over")

// run is one run.
type run struct {
	config   Config
	js       jetstream.JetStream
	identity identity
	ledger   *ledger
	schedule *schedule
	writers  *writers
	clock    clock

	working context.Context //nolint:containedctx // of the parts and of what was begun, which outlive the caller's
	stop    context.CancelCauseFunc
	parts   sync.WaitGroup

	written time.Duration // when that was over
}

// background runs a part of the way, whose end is the run's.
func (r *run) background(part func(ctx context.Context) error) {
	r.parts.Go(func() {
		err := part(r.working)
		if r.working.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("a part of the way has ended before the run did")
		}
		r.stop(err)
	})
}

// measure goes through a run, step by step.
func (r *run) measure(ctx context.Context) error {
	wanted, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.working, cancel)() //nolint:contextcheck // a part that ends, ends the run
	if r.config.Relay != nil {
		r.background(r.config.Relay)
	}
	if err := r.openWay(wanted); err != nil {
		return endOr(ctx, err)
	}
	if err := r.warm(wanted); err != nil {
		return endOr(ctx, err)
	}
	r.schedule.start = r.clock.now()
	r.ledger.open(r.schedule.start)
	told := r.tell()
	defer told()
	giveUp := context.AfterFunc(ctx, func() { time.AfterFunc(goodbye, func() { r.stop(errDone) }) })
	defer giveUp()
	err := r.writers.run(wanted, r.working)
	r.written = r.clock.now()
	if err == nil {
		r.settle(ctx)
	}
	return err
}

// endOr is the end that was asked for, if it made the error: before the first event is due there is nothing to tell.
func endOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx) //nolint:wrapcheck // it is the caller's own
	}
	return err
}

// openWay opens what events pass on their way, once the stream is there.
func (r *run) openWay(ctx context.Context) error {
	stream, err := awaitStream(ctx, r.js, r.config.Stream, r.config.Patience)
	if err != nil {
		return err
	}
	if r.clock.ahead, err = clockAhead(ctx, stream); err != nil {
		return err
	}
	r.writers.clock = r.clock
	watch, err := openWatch(ctx, r.js, stream, r.config)
	if err != nil {
		return err
	}
	watch.identity, watch.ledger, watch.clock = r.identity, r.ledger, r.clock
	r.background(watch.run)
	if r.config.Durable == "" {
		return nil
	}
	sub, err := newSubscriber(r.js, r.config, r.arrived)
	if err != nil {
		return err
	}
	r.background(sub.Run)
	return nil
}

func (r *run) arrived(event contrail.Recorded) {
	number, ours := r.identity.number(event.ID)
	stream, named := r.identity.nth(event.Stream)
	if ours && named {
		r.ledger.handled(number, stream, event.Version, r.clock.now())
	}
}
