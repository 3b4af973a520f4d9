package subscribers

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/contrail-events/contrail"
)

// Beginner opens transactions, as a *pgxpool.Pool does. It is used from several goroutines.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// Inbox remembers, in the database that the handlers write to, which events have taken effect. It needs the table contrail.inbox.
// A durable's name must be unique among the subscriptions that share a database.
type Inbox struct {
	db Beginner
}

// NewInbox makes an inbox of a pool. Each of a subscription's workers uses up to one connection of it.
func NewInbox(db Beginner) *Inbox { return &Inbox{db: db} }

// claimSQL takes a row lock on each new row, and waits where another transaction has inserted the same row and is not over. Positions
// are inserted in ascending order, so that two processes with the same events don't deadlock. It relies on the primary key.
const claimSQL = `INSERT INTO contrail.inbox (consumer, position)
SELECT $1, position FROM unnest($2::bigint[]) AS position ORDER BY position
ON CONFLICT DO NOTHING RETURNING position`

// outageError says that the database, not a handler, is to blame.
type outageError struct{ error }

func (e outageError) Unwrap() error { return e.error }

func outage(operation string, err error) error {
	return outageError{fmt.Errorf("%s: %w", operation, err)}
}

func isOutage(err error) bool {
	_, ok := errors.AsType[outageError](err)
	return ok
}

// once calls handle, in one transaction and in the given order, for each of the positions that is not in the inbox yet, and commits.
// An outageError means that nothing is known about the handlers, any other error is a handler's.
func (i *Inbox) once(
	ctx context.Context, consumer string, positions []contrail.Position, handle func(tx pgx.Tx, index int) error,
) error {
	tx, err := i.db.Begin(ctx)
	if err != nil {
		return outage("begin the handlers' transaction", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	unseen, err := claim(ctx, tx, consumer, positions)
	if err != nil {
		return outage("write the inbox", unmigrated(err))
	}
	for index, position := range positions {
		if _, fresh := unseen[position]; !fresh {
			continue
		}
		delete(unseen, position)
		if err := handle(tx, index); err != nil {
			return i.blame(ctx, tx, err)
		}
	}
	if err := spoiled(ctx, tx); err != nil {
		return i.blame(ctx, tx, err)
	}
	return blameCommit(tx.Commit(ctx))
}

// spoiled tells what a handler left tx's connection in that no commit can be sent over. It asks the server nothing. An empty batch is refused by a
// transaction that has ended, whose connection may be somebody else's by now.
func spoiled(ctx context.Context, tx pgx.Tx) error {
	if err := tx.SendBatch(ctx, &pgx.Batch{}).Close(); errors.Is(err, pgx.ErrTxClosed) {
		return fmt.Errorf("a handler ended its transaction: %w", err)
	}
	switch conn := tx.Conn().PgConn(); {
	case conn.IsClosed():
		return errors.New("a handler left its connection closed or busy: conn closed")
	case conn.IsBusy():
		return errors.New("a handler left its connection closed or busy: conn busy")
	}
	return nil
}

func claim(ctx context.Context, tx pgx.Tx, consumer string, positions []contrail.Position) (map[contrail.Position]struct{}, error) {
	rows, err := tx.Query(ctx, claimSQL, consumer, positions) //nolint:rowserrcheck // ForEachRow checks it
	if err != nil {
		return nil, err //nolint:wrapcheck // once wraps it
	}
	unseen := make(map[contrail.Position]struct{}, len(positions))
	var position contrail.Position
	_, err = pgx.ForEachRow(rows, []any{&position}, func() error {
		unseen[position] = struct{}{}
		return nil
	})
	return unseen, err //nolint:wrapcheck // once wraps it
}

// blame tells a handler's failure from that of its connection. A handler can lose the connection by itself, by ending a query's ctx for
// one, so a lost connection excuses it only if there is no other to be had. It does not look at tx's connection, which somebody else may
// have by now if the handler ended tx.
func (i *Inbox) blame(ctx context.Context, tx pgx.Tx, err error) error {
	lost := tx.Rollback(context.WithoutCancel(ctx))
	if lost == nil || errors.Is(lost, pgx.ErrTxClosed) {
		return err
	}
	return i.excuse(ctx, err)
}

// excuse makes an outage of err if the database is out of reach.
func (i *Inbox) excuse(ctx context.Context, err error) error {
	probe, unreachable := i.db.Begin(ctx)
	if unreachable != nil {
		return outage("handle in a transaction", errors.Join(err, unreachable))
	}
	if unreachable := probe.Rollback(ctx); unreachable != nil {
		return outage("handle in a transaction", errors.Join(err, unreachable))
	}
	return err
}

// blameCommit holds the handlers responsible for a commit that the database refused on account of what they did, such as a deferred
// constraint or a failed statement whose error was swallowed; and nobody for one whose outcome is unknown: the inbox knows. Whether it was sent
// at all, the error does not tell: a connection that is lost behind a commit is reported like one that was closed before.
func blameCommit(err error) error {
	refusal, refused := errors.AsType[*pgconn.PgError](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrTxCommitRollback), refused && !isServers(refusal.Code):
		return fmt.Errorf("commit: %w", err)
	}
	return outage("commit", err)
}

// canceled is the SQLSTATE of a statement that somebody canceled, or that took too long. A commit is canceled for the sake of the deferred
// constraints that it checks, and would be again.
const canceled = "57014"

// isServers tells whether an SQLSTATE speaks of the server's state: connections, resources, operator intervention, system and
// internal errors.
func isServers(code string) bool {
	if code == canceled {
		return false
	}
	switch code[:min(len(code), 2)] {
	case "08", "53", "57", "58", "XX":
		return true
	}
	return false
}
