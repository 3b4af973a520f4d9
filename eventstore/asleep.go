package eventstore

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// The "asleep" keys, session-level advisory locks. Key 0 is held exclusively by one sleeping reader, the holder; every appender tries it
// shared, for its transaction, and sends a NOTIFY only when it fails. Every other sleeping reader, a follower, holds key 1 shared and relies on
// the holder: as long as there is one, appenders notify, and when it gets up it tells whoever holds key 1.
const (
	// A transaction that ends lets go of its locks one after another, so that its promise may outlive its share of key 0, and even its
	// notification, by a moment in which the horizon still stands before it: while there is a promise, a read may come too early.
	promisedSQL = `EXISTS (
		SELECT FROM pg_locks
		WHERE locktype = 'advisory' AND classid = 1129270868 AND objsubid = 2
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`

	calmSQL = `SELECT NOT ` + promisedSQL

	// Nobody lies down while somebody appends. Key 1 is taken before the holder is looked for, and a holder that gets up gives key 0 back before it tries key 1: one of the two sees
	// the other. CASE evaluates in this order, a subquery too only when its turn comes. Nothing is taken in a session that is not the one
	// that listens.
	lieDownSQL = `SELECT CASE
		WHEN pg_backend_pid() <> $1::int THEN 'lost'
		WHEN ` + promisedSQL + ` THEN 'awake'
		WHEN pg_try_advisory_lock(1129270869, 0) THEN 'holder'
		WHEN NOT pg_try_advisory_lock_shared(1129270869, 1) THEN 'awake'
		WHEN EXISTS (
			SELECT FROM pg_locks
			WHERE locktype = 'advisory' AND classid = 1129270869 AND objid = 0 AND objsubid = 2 AND mode = 'ExclusiveLock' AND granted
				AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
		) THEN 'follower'
		WHEN pg_advisory_unlock_shared(1129270869, 1) THEN 'awake'
		ELSE 'lost' END`

	handOverSQL = `SELECT CASE
		WHEN NOT pg_advisory_unlock(1129270869, 0) THEN 'lost'
		WHEN pg_try_advisory_xact_lock(1129270869, 1) THEN 'alone'
		ELSE 'told' || pg_notify('contrail', '')::text END`

	leaveSQL = `SELECT CASE WHEN pg_advisory_unlock_shared(1129270869, 1) THEN 'left' ELSE 'lost' END`
)

// What a reader that lies down becomes.
const (
	holder   = "holder"
	follower = "follower"
	awake    = "awake" // appenders are in flight, or another reader is just getting up
	lost     = "lost"  // the session is not the one it was
)

// listen is done once: a notification is kept by the server from then on. A proxy that shows itself before is not left with a session that
// listens.
func (s *Sleeper) listen(ctx context.Context) error {
	ctx, cancel := unbroken(ctx)
	defer cancel()
	if _, moved, err := sessionOf(ctx, s.conn); err != nil {
		return fmt.Errorf("listen: %w", err)
	} else if moved {
		return fmt.Errorf("listen: %w", errPooled())
	}
	results, err := s.conn.PgConn().Exec(ctx, `LISTEN contrail; SELECT pg_backend_pid()`).ReadAll() // one message, one process
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	pid, err := strconv.ParseUint(string(results[1].Rows[0][0]), 10, 32)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.pid = uint32(pid)
	return nil
}

// unlisten leaves the session as it was, also when ctx has ended.
func (s *Sleeper) unlisten(ctx context.Context) error {
	if s.pid == 0 || s.conn.IsClosed() {
		return nil
	}
	s.pid = 0
	ctx, cancel := unbroken(ctx)
	defer cancel()
	if _, err := s.conn.Exec(ctx, `UNLISTEN contrail`); err != nil {
		return fmt.Errorf("stop listening: %w", err)
	}
	s.forget(ctx)
	return nil
}

// lieDown takes one of the keys, if it can.
func (s *Sleeper) lieDown(ctx context.Context) (role string, err error) {
	if s.pid == 0 {
		if err := s.listen(ctx); err != nil {
			return "", err
		}
	}
	s.forget(ctx)
	ctx, cancel := unbroken(ctx)
	defer cancel()
	if err := s.conn.QueryRow(ctx, lieDownSQL, int64(s.pid)).Scan(&role); err != nil {
		return "", fmt.Errorf("fall asleep: %w", err)
	}
	if role == lost {
		return "", fmt.Errorf("fall asleep: %w", errPooled())
	}
	return role, nil
}

// isCalm tells whether nobody is appending. What was appended before is then settled, and what comes after finds the holder asleep.
func (s *Sleeper) isCalm(ctx context.Context) (calm bool, err error) {
	ctx, cancel := unbroken(ctx)
	defer cancel()
	if err := s.conn.QueryRow(ctx, calmSQL).Scan(&calm); err != nil {
		return false, fmt.Errorf("look for open appenders: %w", err)
	}
	return calm, nil
}

// getUp gives the key back, also when ctx has ended, since the connection goes on.
func (s *Sleeper) getUp(ctx context.Context, role string) error {
	if s.conn.IsClosed() { // and the key is free
		return nil
	}
	ctx, cancel := unbroken(ctx)
	defer cancel()
	statement, outcome := leaveSQL, ""
	if role == holder {
		statement = handOverSQL
	}
	if err := s.conn.QueryRow(ctx, statement).Scan(&outcome); err != nil {
		return fmt.Errorf("wake up: %w", err)
	}
	if outcome == lost {
		return fmt.Errorf("wake up: %w", errPooled())
	}
	return nil
}

// unbroken is for a query that takes no time: ending it in the middle would cost the connection.
func unbroken(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
}
