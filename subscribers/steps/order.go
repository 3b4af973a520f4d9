package steps

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail/internal/sqltext"
)

// Order is who decides about a run, and why. Both are kept in its log.
type Order struct {
	By      string // who, such as ada@ops; required; at most 1 KiB
	Because string // why; required; at most 1 KiB
	Tenant  string // only a run of this tenant: another one's is not found; empty: any
}

const maxOrder = 1024 // bytes of who and why

func (o Order) validate() error {
	var faults []error
	for _, part := range []struct{ field, text, missing string }{
		{"By", o.By, "must say who decides"}, {"Because", o.Because, "must say why"},
	} {
		switch {
		case strings.TrimSpace(clean(part.text)) == "":
			faults = append(faults, fmt.Errorf("steps.Order: %s is empty, %s", part.field, part.missing))
		case len(part.text) > maxOrder:
			faults = append(faults, fmt.Errorf("steps.Order: %s has %d bytes, must have %d at most", part.field, len(part.text), maxOrder))
		}
	}
	return errors.Join(faults...)
}

// Outcome is what became of an order.
type Outcome struct {
	Run    string `json:"run"`   // the key
	Status Status `json:"state"` // as it is now
	Done   bool   `json:"done"`  // it is as was asked for, by this order or an earlier one
	Text   string `json:"text"`  // completes the sentence "run x …": what was done, or why not
}

// Beginner begins transactions: a pool, a connection, or a transaction of pgx, in which they are savepoints.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

const (
	// lockRunSQL finds a run by its unique key, and waits for the step that is just committing. Renewals refer to the row: its lock is one that lets them, as the caller's
	// transaction may take long.
	lockRunSQL = `SELECT ` + recordColumns + ` FROM contrail.runs AS r` + withLease + `WHERE r.key = $1 AND ($2 = '' OR r.tenant = $2) FOR NO KEY UPDATE OF r`

	noteSQL = `INSERT INTO contrail.run_log (run, step, what, by_whom, detail) VALUES ($1, '', $2, $3, $4)`
)

// change is what an order does to a run: a statement with the run's id and further arguments, or nothing.
type change struct {
	Outcome

	statement string // empty: nothing
	args      []any
	what      string // for the log
}

// verb is what can be ordered: its name, and what it makes of a run that is locked.
type verb struct {
	name   string
	decide func(ctx context.Context, tx pgx.Tx, r Record) (change, error)
}

// give locks a run, has the verb look at it, and does as it says, all in one transaction.
func (v verb) give(ctx context.Context, db Beginner, key string, order Order) (Outcome, error) {
	fail := func(err error) (Outcome, error) {
		return Outcome{}, fmt.Errorf("%s run %s: %w", v.name, shortened(key), err)
	}
	if err := order.validate(); err != nil {
		return fail(err)
	}
	var done change
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		record, err := lockRun(ctx, tx, key, order.Tenant)
		if err != nil {
			return err
		}
		if done, err = v.decide(ctx, tx, record); err != nil || done.statement == "" {
			return err
		}
		return done.make(ctx, tx, record.ID, order)
	})
	if err != nil {
		return fail(err)
	}
	done.Run = key
	return done.Outcome, nil
}

func lockRun(ctx context.Context, tx pgx.Tx, key, tenant string) (Record, error) {
	if !sqltext.IsText(key) || !sqltext.IsText(tenant) {
		return Record{}, ErrNotFound
	}
	rows, err := tx.Query(ctx, lockRunSQL, key, tenant)
	if err != nil {
		return Record{}, err //nolint:wrapcheck // give does
	}
	record, err := pgx.CollectExactlyOneRow(rows, scanRecord)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return record, err
}

func (c change) make(ctx context.Context, tx pgx.Tx, id uuid.UUID, order Order) error {
	batch := &pgx.Batch{}
	batch.Queue(c.statement, append([]any{id}, c.args...)...)
	batch.Queue(noteSQL, id, c.what, clean(order.By), clean(order.Because))
	return tx.SendBatch(ctx, batch).Close() //nolint:wrapcheck // give does
}
