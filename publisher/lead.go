package publisher

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail/eventstore"
)

// sessionSQL prepares the leader's connection, which is a session of its own. The server gives up on a vanished host after 11 s, so that
// a standby takes over, and on a leader that asks nothing for longer than it ever pauses, since its process hangs or was stopped; no timeout
// of the role's may end what is meant to wait.
const sessionSQL = `SELECT set_config('application_name', left('contrail relay ' || $1, 63), false),
	set_config('tcp_keepalives_idle', '5', false), set_config('tcp_keepalives_interval', '2', false),
	set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '11000', false),
	set_config('default_transaction_isolation', 'read committed', false),
	set_config('statement_timeout', '0', false), set_config('idle_session_timeout', $2, false)`

// lead is a term of leadership: one connection that holds the lock, reads the feed and writes the cursor. When the connection goes, so
// does the term. Where the relay polls, the lock is on another connection, and the term goes with either.
type lead struct {
	conn     *pgx.Conn
	lock     *openLock // nil when conn holds it
	to       destination
	config   Config
	store    uuid.UUID
	ledger   ledger
	monitor  *monitor
	suspects suspicion
	hook     func(point string)
	progress *progress
}

// takeLead waits, as a standby, until this relay leads.
func (r *Relay) takeLead(ctx context.Context) (*lead, error) {
	l := &lead{to: r.to, config: r.config, monitor: r.monitor, hook: r.hook, progress: r.progress}
	if err := l.begin(ctx, r); err != nil {
		l.close(ctx)
		return nil, err
	}
	return l, nil
}

// connect takes a connection out of the pool for good.
func (r *Relay) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
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
	if err := l.open(ctx, r); err != nil || l.config.Wake.Polls() {
		return err
	}
	for leads := !r.exclusive; !leads; {
		if leads, err = l.awaitLead(ctx); err != nil {
			return fmt.Errorf("wait for the leadership: %w", err)
		}
	}
	return nil
}

// open takes the connection and prepares it.
func (l *lead) open(ctx context.Context, r *Relay) (err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
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
	if _, err := l.conn.Exec(ctx, sessionSQL, l.config.Identity, milliseconds(l.config.idleLimit())); err != nil {
		return fmt.Errorf("prepare the relay's session: %w", err)
	}
	return nil
}

// awaitLead waits for the lock for as long as contrail.lead() does, which is a minute.
func (l *lead) awaitLead(ctx context.Context) (leads bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute+queryTimeout)
	defer cancel()
	err = l.conn.QueryRow(ctx, `SELECT contrail.lead($1)`, l.config.Stream).Scan(&leads)
	return leads, err //nolint:wrapcheck // begin wraps it
}

// idleLimit is longer than any pause in which a leader asks the database nothing: it waits for the broker and rests before it tries again, or
// sleeps until its safety read. By default it is 12 s.
func (c Config) idleLimit() time.Duration {
	const grace = 2 * time.Second
	return grace + max(c.AckTimeout+c.RetryMax, 2*c.Wake.Interval())
}

// milliseconds is a length of time as a setting of PostgreSQL, which does not read Go's 1m7s, and has its longest.
func milliseconds(d time.Duration) string {
	return strconv.FormatInt(min(d.Milliseconds(), math.MaxInt32), 10)
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
