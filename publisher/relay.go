package publisher

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/wire"
)

// Relay publishes every settled event of a store to one destination, in position order. Run as many as you like for a stream: one leads, the
// others stand by. A process may run relays of several stores.
type Relay struct {
	pool      *pgxpool.Pool
	js        jetstream.JetStream // nil for any other destination
	watermill message.Publisher   // nil for JetStream
	config    Config
	valve     valve

	running atomic.Pointer[monitor] // of the run that is under way

	// Of one run.
	to       destination
	monitor  *monitor
	progress *progress

	hook      func(point string) // told of each named point of the loop; tests stop the process there
	exclusive bool               // wait for the leadership; tests make two believe that they lead
}

// NewRelay returns a relay to a JetStream stream, or an error that names every faulty field of cfg. It connects to nothing: pool and js stay the
// caller's to close, after Run has returned. The relay takes one connection out of the pool for as long as it runs, a second one when
// Config.Wake polls, and borrows one now and then for its heartbeat.
func NewRelay(pool *pgxpool.Pool, js jetstream.JetStream, cfg Config) (*Relay, error) {
	return newRelay(&Relay{pool: pool, js: js}, cfg, pool == nil || js == nil, "publisher.NewRelay: pool and js must not be nil")
}

// NewRelayTo returns a relay to any Watermill publisher: a message an event, in position order, its UUID the event's id, its payload the data, its
// metadata the rest. Config.Stream names the relay's cursor and must be given; Config.Topic is the topic, or Config.Prefix and Config.Subject make it. Format, Fence and
// Replicas mean nothing here.
//
// There is no fence: an event is published at least once, and once if nothing fails. An error of the publisher's is transient, and the event
// tried again for ever, unless it is [contrail.Permanent]: wrap the publisher to tell one from the other. Some publishers change what they can't
// carry: watermill-nats with its NATSMarshaler makes line breaks in metadata spaces, where package wmjetstream refuses them.
func NewRelayTo(pool *pgxpool.Pool, to message.Publisher, cfg Config) (*Relay, error) {
	missing := pool == nil || to == nil || cfg.Stream == ""
	return newRelay(&Relay{pool: pool, watermill: to}, cfg, missing, "publisher.NewRelayTo: pool and publisher must not be nil, and Config.Stream must be given")
}

func newRelay(relay *Relay, cfg Config, missing bool, fault string) (*Relay, error) {
	cfg = cfg.withDefaults()
	faults := cfg.validate()
	if missing {
		faults = errors.Join(errors.New(fault), faults)
	}
	if faults != nil {
		return nil, faults
	}
	relay.config, relay.hook, relay.exclusive, relay.progress = cfg, func(string) {}, true, &progress{}
	return relay, nil
}

// Pause makes the relay settle what is on its way, give up its leadership and wait for Resume, while Run goes on. A standby takes over, if there is
// one. It returns at once, may be called at any time, also before Run, and by any goroutine. To pause a stream, whoever relays it, see package
// control.
func (r *Relay) Pause() { r.valve.set(true) }

// Resume makes a paused relay stand by for the leadership again.
func (r *Relay) Resume() { r.valve.set(false) }

// Dump has the stacks of all goroutines of the process logged, and written down for package control, soon. It does nothing while the relay does not run.
func (r *Relay) Dump() {
	if m := r.running.Load(); m != nil {
		m.askDump()
	}
}

// Run relays until ctx ends. Then it reads no further, waits for what is on its way, at most Config.AckTimeout, saves its cursor,
// gives up its leadership and returns nil. It returns nil, too, when it is told to stop from elsewhere (package control).
//
// A database or a broker that can't be reached is retried for ever, with a jittered, growing pause; nothing is lost meanwhile. Run
// returns an error for what no retry cures: [*StreamError], [*RefusedError] with [Halt], [ErrConnectionClosed], [eventstore.ErrPooled], and what
// [eventstore.Check] finds.
// Call it once at a time.
func (r *Relay) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	to, conn, err := r.open()
	if err != nil {
		return err
	}
	running := &Relay{pool: r.pool, config: r.config, to: to, progress: r.progress, hook: r.hook, exclusive: r.exclusive}
	running.monitor = newMonitor(r.pool, conn, r.config, func(command string) { r.obey(command, stop) })
	r.running.Store(running.monitor)
	defer r.running.Store(nil)
	beats, ended := context.WithCancel(context.WithoutCancel(ctx)) // until what is in flight is settled
	var beating sync.WaitGroup
	defer beating.Wait()
	defer ended()
	defer context.AfterFunc(ctx, func() { running.monitor.enter(stateStopping) })()
	beating.Go(func() { _ = running.monitor.run(beats) })
	return running.relay(ctx, &r.valve)
}

func (r *Relay) obey(command string, stop context.CancelCauseFunc) {
	switch command {
	case commandPause:
		r.Pause()
	case commandResume:
		r.Resume()
	case commandStop:
		stop(errStopped)
	}
}

// open returns the destination, and the connection to the broker if it is one.
func (r *Relay) open() (destination, *nats.Conn, error) {
	subjects, err := wire.ParseSubjects(r.config.Prefix, r.config.Subject)
	if err != nil {
		return nil, nil, err
	}
	if r.js == nil {
		if r.config.Topic != "" {
			return &anywhere{r.watermill, func(contrail.Recorded) (string, error) { return r.config.Topic, nil }}, nil, nil
		}
		return &anywhere{r.watermill, subjects.Of}, nil, nil
	}
	js, err := serverOf(r.js, r.config)
	if err != nil {
		return nil, nil, err
	}
	if r.config.Fence == MsgID {
		return &shared{stream{js: js, subjects: subjects}}, js.Conn(), nil
	}
	return &owned{stream{js: js, subjects: subjects}}, js.Conn(), nil
}

// relay takes one term after another.
func (r *Relay) relay(ctx context.Context, valve *valve) error {
	defer r.to.close()
	pause := r.config.RetryMin
	for {
		if paused, _ := valve.state(); paused {
			r.config.Logger.InfoContext(ctx, "paused", slogStream(r.config.Stream), slog.String("identity", r.config.Identity))
			r.monitor.enter(statePaused)
			valve.await(ctx)
		}
		term, end := valve.watch(ctx)
		r.monitor.enter(stateStandby)
		err := r.runOnce(term, func() { pause = r.config.RetryMin })
		interrupted := term.Err() != nil
		end()
		switch {
		case isFinal(err):
			return err
		case ctx.Err() != nil:
			return nil
		case interrupted:
			continue
		}
		r.monitor.retried(err)
		r.config.Logger.WarnContext(ctx, "relaying is interrupted and will go on", slogStream(r.config.Stream),
			slog.Duration("retry_in", pause), slog.Any("error", hinted(err)))
		rest(ctx, pause)
		pause = min(2*pause, r.config.RetryMax)
	}
}

// runOnce is one term of leadership: it ends when the connection does, or with an error that is final.
func (r *Relay) runOnce(ctx context.Context, published func()) error {
	l, err := r.takeLead(ctx)
	if err != nil {
		return err
	}
	defer l.close(ctx)
	ctx, end := l.term(ctx)
	defer end()
	r.config.Logger.InfoContext(ctx, "leading", slogStream(r.config.Stream), slog.String("identity", r.config.Identity))
	r.monitor.enter(stateLeading)
	r.progress.lead(true)
	defer r.progress.lead(false)
	r.config.onLeader(ctx, true)
	defer r.config.onLeader(context.WithoutCancel(ctx), false)
	return l.sessions(ctx, published)
}

// sessions relays, and asks the destination again where it is after every error.
func (l *lead) sessions(ctx context.Context, published func()) error {
	pause := l.config.RetryMin
	for {
		err := l.session(ctx, func() { published(); pause = l.config.RetryMin })
		refused := l.suspects.learn(err)
		switch {
		case isFinal(err):
			return err
		case refused != nil && l.config.OnPermanent == Halt && refused.attempts >= l.config.Attempts:
			return haltError{refused.err}
		case ctx.Err() != nil:
			return errors.Join(context.Cause(ctx), err) // the caller's, or why the leadership was lost; and what became of the last batches
		case err == nil || l.conn.IsClosed():
			return err
		}
		l.monitor.retried(err)
		l.config.Logger.WarnContext(ctx, "publishing is interrupted: asking the broker where it is", slogStream(l.config.Stream),
			slog.Duration("retry_in", pause), slog.Any("error", err))
		rest(ctx, pause)
		pause = min(2*pause, l.config.RetryMax)
	}
}

// progress is how far a relay has come, for a drain that watches it.
type progress struct {
	leads   atomic.Bool // now
	led     atomic.Bool // at some time
	resumed atomic.Bool // the destination has said where it is
}

func (p *progress) lead(leads bool) {
	p.leads.Store(leads)
	if leads {
		p.led.Store(true)
	}
}

// isFinal tells whether no retry cures err.
func isFinal(err error) bool {
	_, stream := errors.AsType[*StreamError](err)
	_, halted := errors.AsType[haltError](err)
	return stream || halted || slices.ContainsFunc([]error{
		ErrConnectionClosed, eventstore.ErrTooOld, eventstore.ErrStandby, eventstore.ErrNotMigrated, eventstore.ErrMigratedByNewer,
		eventstore.ErrSequence, eventstore.ErrPooled,
	}, func(final error) bool { return errors.Is(err, final) })
}

// rest waits for half of pause to the whole of it, or for the end of ctx.
func rest(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause/2 + rand.N(pause/2+1)) //nolint:gosec // jitter needs no secrecy
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func slogStream(stream string) slog.Attr            { return slog.String("stream", stream) }
func slogPosition(p contrail.Position) slog.Attr    { return slog.Int64("position", int64(p)) }
func slogSequence(sequence uint64) slog.Attr        { return slog.Uint64("sequence", sequence) }
func slogCount(name string, count uint64) slog.Attr { return slog.Uint64(name, count) }
