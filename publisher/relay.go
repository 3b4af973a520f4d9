package publisher

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// Relay publishes every settled event of a store to one destination, in position order. Run as many as you like for a stream: one leads, the
// others stand by. A process may run relays of several stores.
type Relay struct {
	pool      *pgxpool.Pool
	js        jetstream.JetStream // nil for any other destination
	watermill message.Publisher   // nil for JetStream
	config    Config
	telemetry *telemetry
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
	told, err := newTelemetry(cfg, relay.js != nil)
	if err != nil {
		return nil, fmt.Errorf("publisher.Config: Meter: %w", err)
	}
	relay.config, relay.telemetry, relay.hook, relay.exclusive, relay.progress = cfg, told, func(string) {}, true, &progress{}
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
// returns an error for what no retry cures: [*StreamError], [*RefusedError] with [Halt], [ErrConnectionClosed], [ErrForbidden],
// [eventstore.ErrPooled], and what [eventstore.Check] finds.
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
	running.monitor.telemetry = r.telemetry
	r.telemetry.start(ctx)
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
	to := stream{r.js, subjects}
	if r.config.Fence == MsgID {
		return &shared{to}, r.js.Conn(), nil
	}
	return &owned{to}, r.js.Conn(), nil
}
