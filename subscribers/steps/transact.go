package steps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// moveSQL calls what migration 00014 explains.
const moveSQL = `SELECT contrail.run_move($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb, $12, $13, make_interval(secs => $14), $15::jsonb, $16::jsonb,
	$17, $18, $19, $20)`

// execer is a pool, a connection or a transaction.
type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// stepsTx is the transaction as steps get it: it is not theirs to end.
type stepsTx struct{ pgx.Tx }

var errNotTheirs = errors.New("a step neither commits nor rolls back its transaction; it returns an error to undo what it did")

func (stepsTx) Commit(context.Context) error { return errNotTheirs }

func (stepsTx) Rollback(context.Context) error { return errNotTheirs }

// transact calls do in a transaction, and commits it together with the move: over's if do returns nil, or the one that do asks for.
func (p *performance) transact(ctx context.Context, do func(ctx context.Context, tx pgx.Tx) error, over func() move) error {
	return p.transactWith(ctx, pending{}, do, over)
}

// transactWith is transact for a step that has set something before.
func (p *performance) transactWith(ctx context.Context, set pending, do func(ctx context.Context, tx pgx.Tx) error, over func() move) error {
	return p.repeatedly(ctx, func() error {
		p.state.restore(set)
		return p.transactOnce(ctx, do, over)
	})
}

func (p *performance) transactOnce(ctx context.Context, do func(ctx context.Context, tx pgx.Tx) error, over func() move) error {
	conn, err := p.connection(ctx)
	if err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: p.runner.beginSQL()})
	if err != nil {
		p.giveBack()
		return fmt.Errorf("begin a transaction: %w", err)
	}
	err = protect(func() error { return do(ctx, stepsTx{tx}) })
	next, err := p.decide(err, over)
	if err == nil {
		err = spoiled(tx)
	}
	if err != nil {
		p.rest(ctx)
		return err
	}
	return p.commit(ctx, next)
}

// beginSQL also bounds how long the transaction may stand idle: one of a process that is frozen would keep its locks for as long as its connection seems to
// live.
func (r *Runner) beginSQL() string {
	begin := "begin"
	if r.options.Isolation != "" {
		begin += " isolation level " + string(r.options.Isolation)
	}
	return fmt.Sprintf("%s; set local idle_in_transaction_session_timeout = %d", begin, min(r.options.Lease.Milliseconds(), math.MaxInt32))
}

// decide makes a move of what a step's function has returned.
func (p *performance) decide(err error, over func() move) (move, error) {
	if control, ok := controlOf(err); ok {
		return p.again(control), nil
	}
	if err != nil {
		return move{}, err
	}
	return over(), nil
}

// spoiled tells of a transaction over which no commit can be sent.
func spoiled(tx pgx.Tx) error {
	switch conn := tx.Conn().PgConn(); {
	case conn.IsClosed():
		return errors.New("the transaction's connection was lost")
	case conn.IsBusy():
		return errors.New("the step has left rows open; close what Query has returned")
	case conn.TxStatus() == 'E':
		return errors.New("a statement of the step has failed, and its error was not returned; use a savepoint (tx.Begin) for one that may fail")
	case conn.TxStatus() != 'T':
		return errors.New("the step has ended its transaction by itself: what it committed is there without its recovery point")
	}
	return nil
}

// commit sends the move and the commit behind it in one round trip: if the move is refused, the commit isn't looked at. It does so although ctx has ended: the step is
// done.
func (p *performance) commit(ctx context.Context, next move) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.runner.options.Lease)
	defer cancel()
	args, err := p.moveArgs(next)
	if err != nil {
		return err
	}
	batch := &pgx.Batch{}
	batch.Queue(moveSQL, args...)
	batch.Queue("commit")
	var result *string
	results := p.conn.SendBatch(ctx, batch)
	err = results.QueryRow().Scan(&result)
	if err == nil {
		_, err = results.Exec()
	}
	if closed := results.Close(); err == nil {
		err = closed
	}
	if err != nil {
		p.rest(ctx)
		return explain("commit", err)
	}
	p.done(next, result)
	return nil
}

// moveAlone makes a move that nothing else belongs to.
func (p *performance) moveAlone(ctx context.Context, next move) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.runner.options.Lease)
	defer cancel()
	args, err := p.moveArgs(next)
	if err != nil {
		return err
	}
	var result *string
	err = p.repeatedly(ctx, func() error {
		conn, err := p.connection(ctx)
		if err != nil {
			return err
		}
		return conn.QueryRow(ctx, moveSQL, args...).Scan(&result)
	})
	if err != nil {
		p.rest(ctx)
		return explain("move the run", err)
	}
	p.done(next, result)
	return nil
}

func (p *performance) done(next move, result *string) {
	p.state.keep()
	p.run.take(next, result)
}

func explain(operation string, err error) error {
	if isLockLost(err) {
		return fmt.Errorf("%s: %w", operation, ErrLockLost)
	}
	return fmt.Errorf("%s: %w", operation, err)
}

// rest leaves the connection without a transaction, or without the connection: the pool closes one that is in any other state.
func (p *performance) rest(ctx context.Context) {
	if p.conn != nil && !p.conn.Conn().IsClosed() && p.conn.Conn().PgConn().TxStatus() != 'I' {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
		defer cancel()
		if _, err := p.conn.Exec(ctx, "rollback"); err == nil {
			return
		}
	}
	p.giveBack()
}

func (p *performance) moveArgs(next move) ([]any, error) {
	var values, list *string
	if len(p.state.set) > 0 {
		text, err := textOf(p.state.set)
		if err != nil {
			return nil, err
		}
		values = &text
	}
	if next.list != nil {
		text, err := textOf(next.list)
		if err != nil {
			return nil, err
		}
		list = &text
	}
	var result *string
	if p.state.result != nil {
		text := string(p.state.result)
		result = &text
	}
	awaits := next.awaits
	if awaits == nil {
		awaits = []string{}
	}
	return []any{
		p.run.id, p.run.token, p.run.step, p.run.round,
		string(next.status), string(next.endsAs), next.step, next.round, next.reason, next.err, list, awaits,
		orNull(next.until), next.delay.Seconds(), result, values,
		next.name, next.what, p.runner.options.Process, next.detail,
	}, nil
}

func textOf(value any) (string, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("keep what the step has set: %w", err)
	}
	return string(data), nil
}
