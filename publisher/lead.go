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

// sessionSQL prepares the leader's connection. The server gives up on a vanished host after 11 s, so that a standby takes over; the
// cursor is written without waiting for the disk; no timeout of the role's may end what is meant to wait.
const sessionSQL = `SELECT set_config('application_name', left('contrail relay ' || $1, 63), false),
	set_config('tcp_keepalives_idle', '5', false), set_config('tcp_keepalives_interval', '2', false),
	set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '11000', false),
	set_config('synchronous_commit', 'off', false), set_config('default_transaction_isolation', 'read committed', false),
	set_config('statement_timeout', '0', false), set_config('idle_session_timeout', '0', false)`

// lead is a term of leadership: one connection that holds the lock, reads the feed and writes the cursor. When the connection goes, so
// does the term.
type lead struct {
	conn   *pgx.Conn
	js     jetstream.JetStream
	config Config
	store  uuid.UUID
	ledger ledger
	hook   func(point string)
}

// takeLead waits, as a standby, until this relay leads.
func (r *Relay) takeLead(ctx context.Context) (*lead, error) {
	pooled, err := r.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	l := &lead{conn: pooled.Hijack(), js: r.js, config: r.config, hook: r.hook}
	if err := l.begin(ctx, r.exclusive); err != nil {
		l.close(ctx)
		return nil, err
	}
	return l, nil
}

func (l *lead) begin(ctx context.Context, exclusive bool) error {
	if err := eventstore.Check(ctx, l.conn); err != nil {
		return err
	}
	if _, err := l.conn.Exec(ctx, sessionSQL, l.config.Identity); err != nil {
		return fmt.Errorf("prepare the relay's session: %w", err)
	}
	if err := l.conn.QueryRow(ctx, `SELECT id FROM contrail.store`).Scan(&l.store); err != nil {
		return fmt.Errorf("read the store's id: %w", err)
	}
	l.ledger = ledger{conn: l.conn, stream: l.config.Stream, identity: l.config.Identity}
	for leads := !exclusive; !leads; {
		if err := l.conn.QueryRow(ctx, `SELECT contrail.lead($1)`, l.config.Stream).Scan(&leads); err != nil {
			return fmt.Errorf("wait for the leadership: %w", err)
		}
	}
	return nil
}

// close gives the leadership up at once, and the connection with it.
func (l *lead) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = l.conn.Exec(ctx, `SELECT pg_advisory_unlock_all()`)
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
	from := newSource(l, feed, to.turns.stop)
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
