package deliveries

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Beginner begins transactions: a pool or a connection of pgx, or a transaction, in which it is a savepoint.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// decision is what a person may decide about a delivery, which is locked when do is asked.
type decision struct {
	verb string
	do   func(ctx context.Context, tx pgx.Tx, r locked, order Order) (Decided, error)
}

// locked is a delivery as it stands while its row is locked.
type locked struct {
	Record

	later *Round // the last of those that were planned because it was sent again; nil: none
}

// decide does it in a transaction.
func (d decision) decide(ctx context.Context, db Beginner, id uuid.UUID, order Order) (Decided, error) {
	var told Decided
	err := order.Validate()
	if err == nil {
		err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			r, err := lock(ctx, tx, id, order.Scope)
			if err != nil {
				return err
			}
			if seen := order.Seen; !seen.IsZero() && !seen.Equal(r.ChangedAt) {
				told, err = unchanged(r, false, "has changed meanwhile: it is %s now", r.State)
			} else {
				told, err = d.do(ctx, tx, r, order)
			}
			told.ID, told.Before = r.ID, r.State
			return err
		})
	}
	if err != nil {
		return Decided{}, fmt.Errorf("%s delivery %s: %w", d.verb, id, err)
	}
	return told, nil
}

// The row is locked as an attempt that begins or is completed locks it: of the two, the second one waits, and then sees what the first
// has done. What depends on other rows is read by a statement of its own behind that, which sees what was committed meanwhile.
const (
	lockSQL = `SELECT FROM contrail.deliveries d WHERE d.id = $1 AND ($2 = '' OR d.tenant = $2) FOR NO KEY UPDATE`

	lockedSQL = `SELECT ` + recordColumns + `,
		(SELECT jsonb_build_object('id', later.id, 'round', later.round, 'state', later.state) FROM ` + laterSQL + ` ORDER BY later.round DESC LIMIT 1)` +
		recordJoined + `WHERE d.id = $1`
)

func lock(ctx context.Context, tx pgx.Tx, id uuid.UUID, scope Scope) (locked, error) {
	found, err := tx.Exec(ctx, lockSQL, id, scope.Tenant)
	if err == nil && found.RowsAffected() == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return locked{}, err
	}
	var r locked
	r.Record, err = scanRecord(tx.QueryRow(ctx, lockedSQL, id), &r.later)
	return r, err
}

const logSQL = `INSERT INTO contrail.delivery_log (delivery, what, by_whom, because) VALUES ($1, $2, $3, $4)`

// note writes into the log what a person has decided.
func note(ctx context.Context, tx pgx.Tx, id uuid.UUID, what EntryKind, order Order) error {
	_, err := tx.Exec(ctx, logSQL, id, what, order.By, order.Because)
	return err //nolint:wrapcheck // decide wraps it
}

// unchanged tells why a delivery stays as it is.
func unchanged(r locked, done bool, format string, args ...any) (Decided, error) {
	return Decided{After: r.State, Done: done, DuplicateRisk: r.DuplicateRisk, Text: fmt.Sprintf(format, args...)}, nil
}
