package subscribers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// projectionLock is the first half of the advisory lock's key: "CONW" as a number. The second is the hash of the projection's name.
const projectionLock = 1129270871

// A session-level lock: it goes when the connection does. The keepalives let the server notice within some 11 s that a process vanished
// without closing it, and the timeout that one asks nothing for as much longer than it ever pauses, since it hangs or was stopped. It is tried, not waited for: a
// waiting statement would hold back vacuum for as long.
const (
	keepaliveSQL = `SELECT set_config('tcp_keepalives_idle', '5', false), set_config('tcp_keepalives_interval', '2', false),
set_config('tcp_keepalives_count', '3', false), set_config('idle_in_transaction_session_timeout', ` + idleInBatch + `, false)`
	lockingSQL = keepaliveSQL + `, set_config('idle_session_timeout', $1, false)`
	// The same for the length of a transaction: that of a batch holds the projection's row. A shorter timeout of the role's stays.
	keepaliveLocal = `set_config('tcp_keepalives_idle', '5', true), set_config('tcp_keepalives_interval', '2', true),
		set_config('tcp_keepalives_count', '3', true), set_config('tcp_user_timeout', '11000', true),
		set_config('idle_in_transaction_session_timeout', ` + idleInBatch + `, true)`
	idleInBatch = `(SELECT CASE WHEN idle::interval BETWEEN '1 ms' AND '5 min' THEN idle ELSE '5min' END
		FROM current_setting('idle_in_transaction_session_timeout') AS idle)`

	// patienceWithActive is how much longer than Standby an active process may ask nothing.
	patienceWithActive = 11 * time.Second

	lockSQL = `SELECT pg_try_advisory_lock($1, hashtext($2))`
)

// acquire waits until this process is the active one, and returns the connection that holds the lock.
func (p *Projection) acquire(ctx context.Context) (*pgx.Conn, error) {
	pooled, err := p.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	conn := pooled.Hijack()
	if err := p.compete(ctx, conn); err != nil {
		_ = conn.Close(context.WithoutCancel(ctx)) // of no more use
		return nil, fmt.Errorf("wait to be the active one: %w", err)
	}
	return conn, nil
}

func (p *Projection) compete(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, lockingSQL, strconv.FormatInt((p.config.Standby+patienceWithActive).Milliseconds(), 10)); err != nil {
		return err //nolint:wrapcheck // acquire wraps it
	}
	for try := 1; ; try++ {
		var active bool
		p.turns.look(false)
		err := conn.QueryRow(ctx, lockSQL, int32(projectionLock), p.config.Name).Scan(&active)
		if err != nil || active {
			return err //nolint:wrapcheck // acquire wraps it
		}
		if try == 1 {
			p.config.Logger.InfoContext(ctx, "projection stands by, another process is active", slog.String("projection", p.config.Name))
		}
		if !wait(ctx, nil, p.config.Standby) {
			return context.Cause(ctx) //nolint:wrapcheck // it is our own
		}
	}
}

// watchSQL reads two rows by their primary keys.
const watchSQL = `SELECT p.paused_at IS NOT NULL, p.paused_by, p.paused_because, r.projection IS NOT NULL
FROM contrail.projections p LEFT JOIN contrail.rebuilds r ON r.projection = p.name AND r.finished_at IS NULL WHERE p.name = $1`

// orders are what persons want of the active process.
type orders struct {
	paused       bool
	by, because  string
	wantsRebuild bool
}

// guard returns when the connection that holds the lock is lost, or ctx ends. Meanwhile it looks what persons want: it says when the projection is
// paused and when it is resumed, and says so where it is rebuilt while that is asked for.
func (t *term) guard(ctx context.Context, lock *pgx.Conn) error {
	var paused bool
	for more := true; more; more = wait(ctx, nil, t.config.Standby) {
		t.turns.look(true)
		now, err := t.look(ctx, lock)
		if isMisconfigured(err) {
			return err
		}
		if err != nil {
			return fmt.Errorf("the lock's connection is lost: %w", err)
		}
		if now.paused != paused {
			t.tellPaused(ctx, now)
		}
		paused = now.paused
		if now.wantsRebuild && !paused {
			tell(t.asked)
		}
	}
	return context.Cause(ctx) //nolint:wrapcheck // it is our own
}

func (p *Projection) look(ctx context.Context, lock *pgx.Conn) (now orders, err error) {
	ctx, cancel := context.WithTimeout(ctx, max(5*time.Second, p.config.Standby))
	defer cancel()
	err = lock.QueryRow(ctx, watchSQL, p.config.Name).Scan(&now.paused, &now.by, &now.because, &now.wantsRebuild)
	if errors.Is(err, pgx.ErrNoRows) { // it is new
		return orders{}, nil
	}
	return now, unmigrated(err)
}

func (p *Projection) tellPaused(ctx context.Context, now orders) {
	name := slog.String("projection", p.config.Name)
	if now.paused {
		p.config.Logger.InfoContext(ctx, "projection is paused: nothing is projected until somebody resumes it", name,
			slog.String("by", now.by), slog.String("because", now.because))
		return
	}
	p.config.Logger.InfoContext(ctx, "projection is resumed", name)
}
