package publisher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/forwarder"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/wire"
)

// sessionSQL prepares the leader's connection, which is a session of its own. The server gives up on a vanished host after 11 s, so that
// a standby takes over; no timeout of the role's may end what is meant to wait.
const sessionSQL = `SELECT set_config('application_name', left('contrail relay ' || $1, 63), false),
	set_config('tcp_keepalives_idle', '5', false), set_config('tcp_keepalives_interval', '2', false),
	set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '11000', false),
	set_config('default_transaction_isolation', 'read committed', false),
	set_config('statement_timeout', '0', false), set_config('idle_session_timeout', '0', false)`

// lead is a term of leadership: one connection that holds the lock, reads the feed and writes the cursor. When the connection goes, so
// does the term. Where the relay polls, the lock is on another connection, and the term goes with either.
type lead struct {
	conn   *pgx.Conn
	lock   *openLock // nil when conn holds it
	js     jetstream.JetStream
	config Config
	store  uuid.UUID
	ledger ledger
	hook   func(point string)
}

// takeLead waits, as a standby, until this relay leads.
func (r *Relay) takeLead(ctx context.Context) (*lead, error) {
	l := &lead{js: r.js, config: r.config, hook: r.hook}
	if err := l.begin(ctx, r); err != nil {
		l.close(ctx)
		return nil, err
	}
	return l, nil
}

// connect takes a connection out of the pool for good.
func (r *Relay) connect(ctx context.Context) (*pgx.Conn, error) {
	pooled, err := r.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	return pooled.Hijack(), nil
}

func (l *lead) begin(ctx context.Context, r *Relay) (err error) {
	if l.config.Wake.Polls() && r.exclusive {
		if err := eventstore.Check(ctx, r.pool); err != nil { // now, and not when the leader has gone
			return err
		}
		if l.lock, err = r.takeOpenLock(ctx); err != nil {
			return err
		}
	}
	if l.conn, err = r.connect(ctx); err != nil {
		return err
	}
	if !l.config.Wake.Polls() {
		if err := eventstore.CheckSession(ctx, l.conn, r.pool); err != nil {
			return err
		}
	}
	if err := eventstore.Check(ctx, l.conn); err != nil {
		return err
	}
	if err := l.conn.QueryRow(ctx, `SELECT id FROM contrail.store`).Scan(&l.store); err != nil {
		return fmt.Errorf("read the store's id: %w", err)
	}
	l.ledger = ledger{conn: l.conn, stream: l.config.Stream, identity: l.config.Identity}
	if l.config.Wake.Polls() {
		return nil
	}
	return l.beginSession(ctx, r.exclusive)
}

// beginSession prepares the session and waits for its lock.
func (l *lead) beginSession(ctx context.Context, exclusive bool) error {
	if _, err := l.conn.Exec(ctx, sessionSQL, l.config.Identity); err != nil {
		return fmt.Errorf("prepare the relay's session: %w", err)
	}
	for leads := !exclusive; !leads; {
		if err := l.conn.QueryRow(ctx, `SELECT contrail.lead($1)`, l.config.Stream).Scan(&leads); err != nil {
			return fmt.Errorf("wait for the leadership: %w", err)
		}
	}
	return nil
}

// term returns a context that ends with the leadership, and the function that must be called at its end. A lock of its own that is lost
// takes the other connection with it at once: who does not lead does not write the cursor. It is held while what is in flight is drained, too.
func (l *lead) term(ctx context.Context) (context.Context, func()) {
	if l.lock == nil {
		return ctx, func() {}
	}
	holding, letGo := context.WithCancel(context.WithoutCancel(ctx))
	ctx, end := context.WithCancelCause(ctx)
	held := make(chan struct{})
	go func() {
		defer close(held)
		if err := l.lock.hold(holding); err != nil {
			_ = l.conn.PgConn().Conn().Close()
			end(err)
		}
	}()
	return ctx, func() { letGo(); end(nil); <-held }
}

// close gives the leadership up at once, and the connections with it.
func (l *lead) close(ctx context.Context) {
	if l.lock != nil {
		l.lock.close(ctx)
	}
	if l.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if !l.config.Wake.Polls() {
		_, _ = l.conn.Exec(ctx, `SELECT pg_advisory_unlock_all()`)
	}
	_ = l.conn.Close(ctx)
}

// session relays from where the broker is until ctx ends, which is no error, or something goes wrong.
func (l *lead) session(ctx context.Context, published func()) error {
	at, err := l.resume(ctx)
	if err != nil {
		return err
	}
	l.config.Logger.InfoContext(ctx, "relaying", slogStream(l.config.Stream), slogPosition(at.position), slogSequence(at.sequence))
	feed, err := eventstore.NewFeed(l.conn, eventstore.FeedConfig{
		After: at.position, BatchEvents: l.config.BatchEvents, BatchBytes: l.config.BatchBytes,
	})
	if err != nil {
		return err
	}
	to := &sink{
		js: l.js, prefix: l.config.Prefix, source: wire.Source(l.config.Name, l.store), turns: newTurnstile(), hook: l.hook,
		sequence: at.sequence,
	}
	from, err := newSource(l, feed, to.turns.stop)
	if err != nil {
		return err
	}
	if err := l.forward(ctx, from, to); err != nil {
		return err
	}
	if from.published {
		published()
	}
	if err := to.turns.stopped(); err != nil {
		return err
	}
	if errors.Is(from.err, errNacked) { // a middleware's doing
		return fmt.Errorf("%w by the forwarder's handler", errNacked)
	}
	return from.err
}

// forward runs Watermill's forwarder between source and sink until the source has ended and every handler with it.
func (l *lead) forward(ctx context.Context, from *source, to *sink) error {
	quiet := map[slog.Level]slog.Level{slog.LevelInfo: slog.LevelDebug, slog.LevelError: slog.LevelDebug}
	forward, err := forwarder.NewForwarder(from, to, watermill.NewSlogLoggerWithLevelMapping(l.config.Logger, quiet), forwarder.Config{
		ForwarderTopic: topic, Middlewares: l.config.Middlewares, CloseTimeout: 2 * queryTimeout,
	})
	if err != nil {
		return fmt.Errorf("make the forwarder: %w", err)
	}
	err = forward.Run(ctx)
	if from.done != nil {
		<-from.done
	}
	if err != nil {
		return fmt.Errorf("run the forwarder: %w", err)
	}
	return nil
}

// serverOf opens a JetStream context of the relay's own on the application's connection, with its own bounds on what is in flight.
func serverOf(js jetstream.JetStream, cfg Config) (jetstream.JetStream, error) {
	options := []jetstream.JetStreamOpt{
		jetstream.WithPublishAsyncTimeout(cfg.AckTimeout),
		jetstream.WithPublishAsyncMaxPending(2 * cfg.BatchEvents * cfg.InFlight),
	}
	var own jetstream.JetStream
	var err error
	switch given := js.Options(); {
	case given.Domain != "":
		own, err = jetstream.NewWithDomain(js.Conn(), given.Domain, options...)
	case given.APIPrefix != "":
		own, err = jetstream.NewWithAPIPrefix(js.Conn(), given.APIPrefix, options...)
	default:
		own, err = jetstream.New(js.Conn(), options...)
	}
	if err != nil {
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	return own, nil
}
