package publisher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// standbyPause is the longest that a standby waits before it tries for the lock of a leader that polls, and holds no server connection
// meanwhile: it leads within a second of that one's end.
const standbyPause = 750 * time.Millisecond

// openLockSQL tries the lock of contrail.lead() for the length of a transaction, and prepares that transaction: whatever timeouts the role has,
// the one that counts is that of Config.Heartbeat, which keeps the lock's transaction alive: a leader that vanished misses two, and the server ends its
// transaction, however late a proxy in between would notice. All of it ends with the transaction, so that nothing is left in a session that is
// somebody else's next. transaction_timeout came with PostgreSQL 17.
const openLockSQL = `SELECT pg_try_advisory_xact_lock(1129270870, hashtext($1::text)),
	set_config('application_name', left('contrail relay ' || $2::text, 63), true),
	set_config('idle_in_transaction_session_timeout', $3::text, true),
	set_config('tcp_keepalives_idle', '5', true), set_config('tcp_keepalives_interval', '2', true),
	set_config('tcp_keepalives_count', '3', true), set_config('tcp_user_timeout', '11000', true),
	(SELECT set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout')`

// errLeadershipLost ends a term.
var errLeadershipLost = errors.New("the leadership is lost")

// openLock is the leadership where there are no sessions: a lock held by a transaction that stays open, on a connection of its own, since
// a proxy that pools transactions leaves an open one where it is. At READ COMMITTED, without a snapshot and a transaction id, it
// holds no vacuum back.
type openLock struct {
	conn  *pgx.Conn
	every time.Duration // between two beats
}

// takeOpenLock waits, as a standby, until the lock is ours. A standby holds no connection of the server's between its tries.
func (r *Relay) takeOpenLock(ctx context.Context) (*openLock, error) {
	conn, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	lock := &openLock{conn: conn, every: r.config.Heartbeat}
	for leads := false; err == nil && !leads; {
		if leads, err = tryOpenLock(ctx, conn, r.config); err == nil && !leads {
			rest(ctx, standbyPause)
			err = ctx.Err()
		}
	}
	if err != nil {
		lock.close(ctx)
		return nil, fmt.Errorf("wait for the leadership: %w", err)
	}
	return lock, nil
}

func tryOpenLock(ctx context.Context, conn *pgx.Conn, cfg Config) (leads bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadOnly})
	if err != nil {
		return false, err //nolint:wrapcheck // the caller wraps it
	}
	if err := tx.QueryRow(ctx, openLockSQL, cfg.Stream, cfg.Identity, milliseconds(cfg.openLimit())).
		Scan(&leads, nil, nil, nil, nil, nil, nil, nil); err != nil {
		return false, err //nolint:wrapcheck // likewise
	}
	if !leads {
		return false, tx.Rollback(ctx) //nolint:wrapcheck // likewise
	}
	return true, nil
}

// openLimit is how long the lock's transaction may be idle: 12 s by default, less than the 15 s within which a leader that vanished is replaced.
func (c Config) openLimit() time.Duration { return 2*c.Heartbeat + 2*time.Second }

// hold returns why the lock was lost, as soon as that is known, or nil when ctx ends before. The first beat comes at once: it ends the
// statement that took the lock, whose snapshot the server would keep for the next.
func (o *openLock) hold(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := o.beat(ctx); err != nil {
			return err
		}
		if err := o.listen(ctx, o.every); err != nil {
			return err
		}
	}
	return nil
}

// listen hears of a connection that is closed from the other end; nothing else is ever said here.
func (o *openLock) listen(ctx context.Context, limit time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := o.conn.WaitForNotification(limited)
	if limited.Err() != nil && !o.conn.IsClosed() {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errLeadershipLost, err)
	}
	return nil
}

func (o *openLock) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), beatTimeout)
	defer cancel()
	if _, err := o.conn.Exec(ctx, `SELECT`, pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("%w: %w", errLeadershipLost, err)
	}
	return nil
}

// close ends the transaction, and the connection with it.
func (o *openLock) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = o.conn.Exec(ctx, `ROLLBACK`)
	_ = o.conn.Close(ctx)
}
