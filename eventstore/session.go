package eventstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrPooled says that a connection has no session of its own, since a proxy that pools transactions lies in between.
var ErrPooled = errors.New("a proxy that pools transactions lies between here and PostgreSQL")

func errPooled() error {
	return fmt.Errorf("%w, and neither session locks nor LISTEN work through it: choose eventstore.Poll (--wake poll), or connect directly",
		ErrPooled)
}

// Beginner opens transactions: a *pgxpool.Pool, or another connection.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// CheckSession returns [ErrPooled] when conn turns out to have no session of its own. Over a direct connection it asks one question.
// With a proxy in between it asks again, to see whether conn is moved to another server process, and opens a transaction through others, which
// must lead to the same proxy, to see whether that is given conn's. A busy proxy may hide it for once; a [Sleeper] that falls asleep looks
// again.
func CheckSession(ctx context.Context, conn *pgx.Conn, others Beginner) error {
	pid, shared, err := sessionOf(ctx, conn)
	if err == nil && !shared && pid != conn.PgConn().PID() {
		shared, err = isShared(ctx, conn, pid, others)
	}
	if err == nil && shared {
		err = errPooled()
	}
	if err != nil {
		return fmt.Errorf("check the session: %w", err)
	}
	return nil
}

// sessionOf returns the process that answers on conn, and whether that has changed by the second question. What the server said when it was
// connected to needs none: a proxy has numbers of its own.
func sessionOf(ctx context.Context, conn *pgx.Conn) (pid uint32, moved bool, err error) {
	if pid, err = backendPID(ctx, conn); err == nil && pid != conn.PgConn().PID() {
		moved, err = isMoved(ctx, conn, pid)
	}
	return pid, moved, err
}

func isMoved(ctx context.Context, conn *pgx.Conn, from uint32) (bool, error) {
	pid, err := backendPID(ctx, conn)
	return pid != from, err
}

// isShared is a guess at no where no other transaction can be had in time: a proxy in session mode may have no more sessions.
func isShared(ctx context.Context, conn *pgx.Conn, pid uint32, others Beginner) (bool, error) {
	limited, cancel := unbroken(ctx)
	defer cancel()
	tx, err := others.Begin(limited)
	if err != nil {
		return false, ctx.Err() //nolint:wrapcheck // the caller's own
	}
	defer func() { _ = tx.Rollback(limited) }()
	switch occupied, err := backendPID(limited, tx); {
	case err != nil:
		return false, ctx.Err() //nolint:wrapcheck // likewise
	case occupied == pid: // and if it is the only one, conn would wait for it
		return true, nil
	}
	return isMoved(ctx, conn, pid)
}

func backendPID(ctx context.Context, db Querier) (uint32, error) {
	var pid int64
	if err := db.QueryRow(ctx, `SELECT pg_backend_pid()`, pgx.QueryExecModeSimpleProtocol).Scan(&pid); err != nil { // one message, one process
		return 0, fmt.Errorf("ask for the session's process: %w", err)
	}
	return uint32(pid), nil //nolint:gosec // a process id is above zero
}
