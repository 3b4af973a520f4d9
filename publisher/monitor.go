package publisher

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

	"github.com/contrail-events/contrail"
)

// What a relay is doing, as contrail.relay_processes has it.
const (
	stateLeading  = "leading"
	stateStandby  = "standby"
	statePaused   = "paused"
	stateStopping = "stopping"
)

// What a relay is told to do there.
const (
	commandPause  = "pause"
	commandResume = "resume"
	commandStop   = "stop"
	commandDump   = "dump"
)

const (
	// beatTimeout bounds the wait for a connection, and for the answer, of what the monitor asks by itself.
	beatTimeout = 5 * time.Second
	// memory is how long a row whose relay does not beat is kept. A relay that finds its row gone after a longer time was asleep, not deleted.
	memory = 24 * time.Hour
)

// patienceWithLeader is how long the monitor waits for somebody else's beat before it beats itself.
func (c Config) patienceWithLeader() time.Duration { return c.Heartbeat + c.Heartbeat/5 }

// pulse is what a relay learns from a beat.
type pulse struct {
	horizon  contrail.Position // everything at or below it is settled; a select that is issued after the beat sees all of it
	requests int64             // grows whenever somebody changes what is parked
	paused   bool              // no relay publishes to the stream until somebody resumes it
	anchor   string            // the id of the event that the monitor's anchored says; "" when there is none
}

// monitor keeps a relay's row in contrail.relay_processes: what the relay tells of itself goes there, and what it is told to do comes from there.
// All methods may be called at once. The leader beats in its own loop, where the beat is its read of the horizon, too; whenever it has not for
// a while, and for a standby always, run beats through the pool.
type monitor struct {
	id     uuid.UUID
	pool   *pgxpool.Pool
	broker *nats.Conn
	config Config
	obey   func(command string)

	anchored   atomic.Int64 // the position of an event that must stay what it is
	statistics *statistics
	telemetry  *telemetry // may be nil
	dumps      *dumps
	soon       chan struct{} // something is to be told, or done, at once

	mu         sync.Mutex
	state      string
	registered bool      // the row was there
	inserted   bool      // a row may be there: what was answered to the last insert may not have arrived
	over       bool      // run has ended, or the row was deleted: it is not registered anew
	tried      time.Time // the last beat; by the wall clock, as the next
	beaten     time.Time // the last beat that succeeded
	server     time.Time // when the server started that it succeeded at
}

// newMonitor returns a monitor of one run of a relay. obey is told "pause", "resume" or "stop", from run and from whoever beats: it must not
// wait for either. broker may be nil.
func newMonitor(pool *pgxpool.Pool, broker *nats.Conn, cfg Config, obey func(command string)) *monitor {
	return &monitor{
		id: uuid.New(), pool: pool, broker: broker, config: cfg, obey: obey,
		statistics: newStatistics(cfg.Heartbeat), dumps: newDumps(), soon: make(chan struct{}, 1), state: stateStandby,
	}
}

// run registers the row, beats whenever nobody else does, measures, and writes dumps down, until ctx ends. Then it deletes the row. What goes wrong
// with that is no reason to end a relay: it is logged at debug and tried again, and the error is always nil.
func (m *monitor) run(ctx context.Context) error {
	var dumping sync.WaitGroup
	dumping.Go(func() { m.dumpWhenAsked(ctx) })
	defer dumping.Wait()
	defer m.deregister(ctx)
	for ctx.Err() == nil {
		m.keep(ctx)
		timer := time.NewTimer(min(m.rest(), m.statistics.rest()))
		select {
		case <-ctx.Done():
		case <-m.soon:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// keep does what is due.
func (m *monitor) keep(ctx context.Context) {
	if m.statistics.rest() <= 0 {
		m.statistics.measure(ctx, m.broker)
	}
	if m.rest() <= 0 {
		m.complain(ctx, "the relay's heartbeat failed", m.withConn(ctx, func(ctx context.Context, conn *pgx.Conn) error {
			_, err := m.beat(ctx, conn)
			return err
		}))
	}
	m.writeDump(ctx)
}

// withConn lends a connection of the pool's for one statement.
func (m *monitor) withConn(ctx context.Context, use func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	conn, err := m.pool.Acquire(ctx)
	if err != nil {
		m.began()
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer conn.Release()
	return use(ctx, conn.Conn())
}

func (m *monitor) complain(ctx context.Context, message string, err error) {
	if err != nil && ctx.Err() == nil {
		m.config.Logger.DebugContext(ctx, message, slogStream(m.config.Stream), slog.Any("error", err)) //nolint:sloglint // constants, from keep
	}
}

// beat is one statement: it writes the row, takes the command that stands there, and returns what the relay should know. It heeds the command
// before it returns. Where there is no row yet, it registers one first. On a standby server the error wraps [eventstore.ErrStandby].
func (m *monitor) beat(ctx context.Context, conn *pgx.Conn) (pulse, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	state, register := m.began()
	if register {
		if err := m.register(ctx, conn, state); err != nil {
			return pulse{}, err
		}
	}
	told := m.statistics.tell(state)
	sent := time.Now()
	got, err := writeBeat(ctx, conn, m.whose(), told)
	if err != nil {
		return pulse{}, err
	}
	m.statistics.answered(sent, time.Now(), got.clock)
	m.correct(state)
	m.heed(ctx, got)
	return got.pulse, nil
}

// look is a beat that writes nothing, for in between. A command that stands in the row makes the next beat due.
func (m *monitor) look(ctx context.Context, conn *pgx.Conn) (got pulse, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var horizon int64
	var commanded bool
	err = conn.QueryRow(ctx, lookSQL, m.id.String(), m.config.Stream, m.anchored.Load()).Scan(&horizon, &got.requests, &got.paused, &commanded, &got.anchor)
	if err != nil {
		return pulse{}, explainBeat("ask for the horizon", err)
	}
	if commanded {
		m.mu.Lock()
		m.tried = time.Time{}
		m.mu.Unlock()
	}
	got.horizon = contrail.Position(horizon)
	return got, nil
}

func (m *monitor) whose() whose {
	return whose{m.id, m.config.Stream, contrail.Position(m.anchored.Load())}
}

// began notes that a beat is tried.
func (m *monitor) began() (state string, register bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tried = wallClock()
	return m.state, !m.registered && !m.over
}

// correct has run beat again where the relay has entered another state since the beat began: another beat may have told that already, and been
// overwritten.
func (m *monitor) correct(told string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if told != m.state {
		m.tried = time.Time{}
		m.hurry()
	}
}

func (m *monitor) register(ctx context.Context, conn *pgx.Conn, state string) error {
	m.mu.Lock()
	m.inserted = true
	m.mu.Unlock()
	server, err := insertRow(ctx, conn, m.id, m.config, state)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.registered = true
	m.beaten, m.server = wallClock(), server // who deletes the row before the first beat means to stop the relay, too
	return nil
}

// heed does what the row says, or what it says by not being there any more.
func (m *monitor) heed(ctx context.Context, got orders) {
	command := got.command
	if !got.found {
		command = m.gone(ctx, got.server)
	} else {
		m.mu.Lock()
		m.beaten, m.server = wallClock(), got.server
		m.mu.Unlock()
	}
	switch command {
	case "":
	case commandDump:
		m.askDump()
	default:
		m.config.Logger.InfoContext(ctx, "told by a person", slogStream(m.config.Stream), slog.String("command", command), slog.String("by", got.by))
		m.obey(command)
	}
}

// gone tells what a row means that is not there any more. Somebody has deleted it, and that stops the relay; but for a relay that has slept for
// so long that another has swept its row away, and for a server that was restarted, or replaced, and may have lost what it wrote last.
func (m *monitor) gone(ctx context.Context, server time.Time) (command string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		return ""
	}
	m.registered = false
	if wallClock().Sub(m.beaten) < memory && server.Equal(m.server) {
		m.over = true
		return commandStop
	}
	m.config.Logger.DebugContext(ctx, "the relay's row is lost: registering anew", slogStream(m.config.Stream))
	m.tried = time.Time{}
	m.hurry()
	return ""
}

// deregister deletes the row. No beat writes another after that.
func (m *monitor) deregister(ctx context.Context) {
	m.mu.Lock()
	inserted := m.inserted
	m.over = true
	m.mu.Unlock()
	if !inserted {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	err := m.withConn(ctx, func(ctx context.Context, conn *pgx.Conn) error { return deleteRow(ctx, conn, m.id) })
	m.complain(ctx, "the relay's row is left behind", err)
}

// due tells whether more than a second has passed since somebody beat.
func (m *monitor) due() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return wallClock().Sub(m.tried).Abs() > time.Second
}

// rest is the time until the monitor beats by itself.
func (m *monitor) rest() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.config.patienceWithLeader() - wallClock().Sub(m.tried).Abs()
}

// enter tells what the relay does now: stateLeading, stateStandby, statePaused or stateStopping. Everybody else learns it at once.
func (m *monitor) enter(state string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state != state {
		m.state, m.tried = state, time.Time{}
		m.hurry()
	}
	if state != stateLeading {
		m.statistics.leadsNoMore()
	}
}

// published counts the events of a batch that the broker has acknowledged; at is the position up to which the stream is complete. An old event on its
// second way, and one without a time, are not measured.
func (m *monitor) published(ctx context.Context, b *batch, at contrail.Position) {
	m.telemetry.addPublished(ctx, b, m.statistics.addPublished(b, at))
}

// left counts events that were left out.
func (m *monitor) left(ctx context.Context, left []Left) {
	m.statistics.addParked(len(left))
	m.telemetry.addLeft(ctx, left)
}

// retried counts an error after which the relay begins again.
func (m *monitor) retried(ctx context.Context, err error) {
	m.statistics.addRetried(err)
	m.telemetry.addRetried(ctx)
}

// hurry has run look at once.
func (m *monitor) hurry() {
	select {
	case m.soon <- struct{}{}:
	default:
	}
}

// wallClock is the time without Go's monotonic clock, which stands still while the machine sleeps.
func wallClock() time.Time { return time.Now().Round(0) }
