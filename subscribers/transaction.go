package subscribers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail"
)

// database opens the transactions of an inbox, through either of the two interfaces that Go programs reach PostgreSQL by.
type database interface {
	begin(ctx context.Context) (transaction, error)
}

// transaction is one that handlers share with their events' rows in the inbox.
type transaction interface {
	positions(ctx context.Context, statement string, args ...any) ([]contrail.Position, error) // the first column of what a statement returns
	commit(ctx context.Context) error
	rollback(ctx context.Context) error // nil if it is over already
	spoiled(ctx context.Context) error  // what a handler left it in that no commit can be sent over
	sever()                             // ends its session, without waiting for anything and from any goroutine
	asPgx() pgx.Tx
	asSQL() *sql.Tx
}

type pgxDatabase struct{ Beginner }

func (d pgxDatabase) begin(ctx context.Context) (transaction, error) {
	pool, pooled := d.Beginner.(*pgxpool.Pool)
	if !pooled {
		tx, err := d.Begin(ctx)
		if err != nil {
			return nil, err
		}
		return &pgxTransaction{tx: tx, wire: tx.Conn().PgConn().Conn()}, nil
	}
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, err //nolint:wrapcheck // the callers do
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		conn.Release()
		return nil, err //nolint:wrapcheck // the callers do
	}
	return &pgxTransaction{tx: tx, wire: tx.Conn().PgConn().Conn(), conn: conn}, nil
}

type pgxTransaction struct {
	tx   pgx.Tx
	wire net.Conn

	mu   sync.Mutex
	conn *pgxpool.Conn // nil: it is the pool's again, or tx gives it back by itself
}

func (t *pgxTransaction) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn != nil {
		t.conn.Release()
		t.conn = nil
	}
}

func (t *pgxTransaction) asPgx() pgx.Tx { return handlersTx{t.tx} }

// handlersTx is the transaction as handlers get it: it is not theirs to end.
type handlersTx struct{ pgx.Tx }

var errNotTheirs = errors.New("a handler neither commits nor rolls back its transaction; it returns an error to undo what it did")

func (handlersTx) Commit(context.Context) error { return errNotTheirs }

func (handlersTx) Rollback(context.Context) error { return errNotTheirs }

func (*pgxTransaction) asSQL() *sql.Tx { return nil }

func (t *pgxTransaction) positions(ctx context.Context, statement string, args ...any) ([]contrail.Position, error) {
	rows, err := t.tx.Query(ctx, statement, args...)
	if err != nil {
		return nil, err //nolint:wrapcheck // the callers do
	}
	return pgx.CollectRows(rows, pgx.RowTo[contrail.Position]) //nolint:wrapcheck // the callers do
}

func (t *pgxTransaction) commit(ctx context.Context) error {
	defer t.release()
	return t.tx.Commit(ctx) //nolint:wrapcheck // the callers do
}

func (t *pgxTransaction) rollback(ctx context.Context) error {
	defer t.release()
	ctx, cancel := context.WithTimeout(ctx, lastWrite) // the host may have vanished
	defer cancel()
	if err := t.tx.Rollback(ctx); !errors.Is(err, pgx.ErrTxClosed) {
		return err //nolint:wrapcheck // the callers do
	}
	return nil
}

// spoiled asks the server nothing. An empty batch is refused by a transaction that has ended, whose connection may be somebody else's by
// now.
func (t *pgxTransaction) spoiled(ctx context.Context) error {
	if err := t.tx.SendBatch(ctx, &pgx.Batch{}).Close(); errors.Is(err, pgx.ErrTxClosed) {
		return fmt.Errorf("a handler ended its transaction: %w", err)
	}
	switch conn := t.tx.Conn().PgConn(); {
	case conn.TxStatus() == 'I':
		return errors.New("a handler ended its transaction, by a statement")
	case conn.IsClosed():
		return errors.New("a handler left its connection closed or busy: conn closed")
	case conn.IsBusy():
		return errors.New("a handler left its connection closed or busy: conn busy")
	}
	return nil
}

// sever takes the connection away from its pool, which may open another one.
func (t *pgxTransaction) sever() {
	_ = t.wire.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn != nil {
		t.conn.Hijack()
		t.conn = nil
	}
}

type sqlDatabase struct{ db *sql.DB }

// begin gives the transaction a ctx of its own: it is rolled back when that ends.
func (d sqlDatabase) begin(ctx context.Context) (transaction, error) {
	own, end := context.WithCancel(ctx)
	tx, err := d.db.BeginTx(own, nil)
	if err != nil {
		end()
		return nil, err //nolint:wrapcheck // the callers do
	}
	return &sqlTransaction{tx: tx, end: sync.OnceFunc(end)}, nil
}

type sqlTransaction struct {
	tx  *sql.Tx
	end func()
}

func (*sqlTransaction) asPgx() pgx.Tx { return nil }

func (t *sqlTransaction) asSQL() *sql.Tx { return t.tx }

func (t *sqlTransaction) positions(ctx context.Context, statement string, args ...any) (read []contrail.Position, err error) {
	rows, err := t.tx.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err //nolint:wrapcheck // the callers do
	}
	defer rows.Close() //nolint:errcheck // rows.Err has it
	for rows.Next() {
		var position contrail.Position
		if err := rows.Scan(&position); err != nil {
			return nil, err //nolint:wrapcheck // the callers do
		}
		read = append(read, position)
	}
	return read, rows.Err() //nolint:wrapcheck // the callers do
}

func (t *sqlTransaction) commit(context.Context) error {
	defer t.end()
	return t.tx.Commit() //nolint:wrapcheck // the callers do
}

func (t *sqlTransaction) rollback(context.Context) error {
	defer t.end()
	if err := t.tx.Rollback(); !errors.Is(err, sql.ErrTxDone) {
		return err //nolint:wrapcheck // the callers do
	}
	return nil
}

// spoiled asks the server nothing either: a statement that can't be used is refused by another error while the transaction lasts.
func (t *sqlTransaction) spoiled(ctx context.Context) error {
	_, err := t.tx.StmtContext(ctx, &sql.Stmt{}).ExecContext(ctx) //nolint:sqlclosecheck // it never was one
	if errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("a handler ended its transaction: %w", err)
	}
	return nil
}

func (t *sqlTransaction) sever() { t.end() }
