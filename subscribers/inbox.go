package subscribers

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/contrail-events/contrail"
)

// Inbox remembers, in the database that the handlers write to, which events have taken effect, and which were given up. It needs the tables
// contrail.inbox and contrail.inbox_pages. A durable's name must be unique among the subscriptions that share a database; any number of
// processes may share a durable.
type Inbox struct {
	db       database
	handlers form
}

// form tells what a handler gets its transaction as.
type form int

const (
	inNone form = iota // it has none
	inPgx              // pgx.Tx
	inSQL              // *sql.Tx
)

// Beginner opens transactions, as a *pgxpool.Pool does. It is used from several goroutines.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// NewInbox makes an inbox of a pool, for [HandleTx]. Each of a subscription's workers uses up to one connection of it.
func NewInbox(db Beginner) *Inbox { return &Inbox{db: pgxDatabase{db}, handlers: inPgx} }

// NewInboxSQL makes an inbox of a PostgreSQL database behind database/sql, for [HandleSQL], with any driver. Each of a subscription's workers uses up
// to one connection of it.
func NewInboxSQL(db *sql.DB) *Inbox { return &Inbox{db: sqlDatabase{db}, handlers: inSQL} }

// The functions are made, and explained, by migration 00011.
const (
	claimSQL  = `SELECT contrail.inbox_claim($1, $2::text::bigint[], $3, make_interval(secs => $4))`
	giveUpSQL = `SELECT position FROM (SELECT $2::bigint AS position) AS given WHERE contrail.inbox_give_up($1, position, $3)`
	disownSQL = `DELETE FROM contrail.inbox WHERE consumer = $1 AND position = ANY ($2::text::bigint[]) AND dead IS NULL RETURNING position`
	stillSQL  = `SELECT 0::bigint`
	foldSQL   = `SELECT contrail.inbox_fold($1, now() - make_interval(secs => $2))`

	// A process that was frozen in a handler may hold the event's row for as long as it lives.
	lockTimeoutSQL = `SELECT length(set_config('lock_timeout', '10s', true))`
)

// claim is what a transaction takes on: events of a consumer.
type claim struct {
	consumer  string
	positions []contrail.Position
	requeued  int           // how often a person had them requeued; above zero they may have been given up before
	patience  time.Duration // how long a handler may leave the transaction idle before the server ends it
}

// once calls handle, in one transaction and in the given order, for each of the positions that is not in the inbox yet, and commits.
// An outageError means that nothing is known about the handlers, any other error is a handler's.
func (i *Inbox) once(ctx context.Context, wanted claim, handle func(tx transaction, index int) error) error {
	tx, err := i.db.begin(ctx)
	if err != nil {
		return outage("begin the handlers' transaction", err)
	}
	defer tx.rollback(context.WithoutCancel(ctx)) //nolint:errcheck // of no consequence after a commit, and what blame asks for before
	fresh, err := tx.positions(ctx, claimSQL, wanted.consumer, array(wanted.positions), wanted.requeued, wanted.patience.Seconds())
	if err != nil {
		return outage("write the inbox", unmigrated(err))
	}
	asked := time.Now()
	unseen := make(map[contrail.Position]struct{}, len(fresh))
	for _, position := range fresh {
		unseen[position] = struct{}{}
	}
	for index, position := range wanted.positions {
		if _, found := unseen[position]; !found {
			continue
		}
		delete(unseen, position)
		if time.Since(asked) > wanted.patience/4 {
			asked = time.Now()
			if _, err := tx.positions(ctx, stillSQL); err != nil {
				return outage("keep the handlers' transaction", err)
			}
		}
		err := handle(tx, index)
		if spoiled := tx.spoiled(ctx); spoiled != nil {
			err = errors.Join(spoiled, err)
			i.disown(ctx, wanted.consumer, slices.Collect(maps.Keys(unseen)))
		}
		if err != nil {
			return i.blame(ctx, tx, err)
		}
	}
	return blameCommit(tx.commit(ctx))
}

// disown takes back what was claimed for events that were not handled, in case a handler has committed that.
func (i *Inbox) disown(ctx context.Context, consumer string, positions []contrail.Position) {
	if len(positions) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	if tx, err := i.db.begin(ctx); err == nil {
		if _, err := tx.positions(ctx, disownSQL, consumer, array(positions)); err == nil {
			_ = tx.commit(ctx)
		}
		_ = tx.rollback(ctx)
	}
}

// giveUp calls bury for an event that has not taken effect, and makes sure that it won't any more: who has it in hand still finds its row. False: it
// has taken effect, and bury was not called. An event with a dead row is buried, so bury has to be over before the commit: that
// is why a transaction is open while it publishes, one event's and for some seconds at most. The error is an outageError, or bury's.
func (i *Inbox) giveUp(ctx context.Context, given claim, bury func() error) (buried bool, err error) {
	tx, err := i.db.begin(ctx)
	if err != nil {
		return false, outage("begin to give up an event", err)
	}
	defer tx.rollback(context.WithoutCancel(ctx)) //nolint:errcheck // of no consequence after a commit
	if _, err := tx.positions(ctx, lockTimeoutSQL); err != nil {
		return false, outage("write the inbox", err)
	}
	free, err := tx.positions(ctx, giveUpSQL, given.consumer, int64(given.positions[0]), given.requeued)
	switch {
	case err != nil:
		return false, outage("write the inbox", unmigrated(err))
	case len(free) == 0:
		return false, nil
	}
	if err := bury(); err != nil {
		return false, err
	}
	if err := tx.commit(ctx); err != nil {
		return false, outage("commit", err)
	}
	return true, nil
}

// array is a list of positions as PostgreSQL writes it, which every driver takes.
func array(positions []contrail.Position) string {
	text := make([]byte, 0, 2+8*len(positions))
	text = append(text, '{')
	for i, position := range positions {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, int64(position), 10)
	}
	return string(append(text, '}'))
}

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

// blame tells a handler's failure from that of its connection. A handler can lose the connection by itself, by ending a query's ctx for
// one, so a lost connection excuses it only if there is no other to be had. It does not look at tx's connection, which somebody else may
// have by now if the handler ended tx.
func (i *Inbox) blame(ctx context.Context, tx transaction, err error) error {
	if lost := tx.rollback(context.WithoutCancel(ctx)); lost == nil {
		return err
	}
	return i.excuse(ctx, err)
}

// excuse makes an outage of err if the database is out of reach.
func (i *Inbox) excuse(ctx context.Context, err error) error {
	probe, unreachable := i.db.begin(ctx)
	if unreachable != nil {
		return outage("handle in a transaction", errors.Join(err, unreachable))
	}
	if unreachable := probe.rollback(ctx); unreachable != nil {
		return outage("handle in a transaction", errors.Join(err, unreachable))
	}
	return err
}

// blameCommit holds the handlers responsible for a commit that the database refused on account of what they did, such as a deferred
// constraint or a failed statement whose error was swallowed; and nobody for one whose outcome is unknown: the inbox knows. Whether it was sent
// at all, the error does not tell: a connection that is lost behind a commit is reported like one that was closed before.
func blameCommit(err error) error {
	state, refused := stateOf(err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrTxCommitRollback), errors.Is(err, sql.ErrTxDone), refused && !isServers(state):
		return fmt.Errorf("commit: %w", err)
	}
	if !refused && !isLost(err) {
		return fmt.Errorf("commit: %w", err)
	}
	return outage("commit", err)
}

// isLost tells whether an error is about a connection, or about the end of a ctx.
func isLost(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || pgconn.SafeToRetry(err)
}

// stateOf returns the SQLSTATE of a refusal by the database, whatever the driver.
func stateOf(err error) (state string, refused bool) {
	var refusal interface{ SQLState() string }
	if !errors.As(err, &refusal) {
		return "", false
	}
	return refusal.SQLState(), true
}

// canceled is the SQLSTATE of a statement that somebody canceled, or that took too long. A commit is canceled for the sake of the deferred
// constraints that it checks, and would be again.
const canceled = "57014"

// isServers tells whether an SQLSTATE speaks of the server's state: connections, resources, operator intervention, system and
// internal errors.
func isServers(state string) bool {
	if state == canceled {
		return false
	}
	switch state[:min(len(state), 2)] {
	case "08", "53", "57", "58", "XX":
		return true
	}
	return false
}
