package parked

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Beginner begins transactions: a pool or a connection of pgx, or a transaction, in which it is a savepoint.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// Requeue asks the relay to publish events: it does so next, at the end of the stream. Those that are parked or discarded can be requeued;
// reason, error and attempts stay. One that is held follows by itself as soon as no event before it in its own stream is parked, and
// one that was discarded while it was held can't overtake those either.
//
// Either everything happens that the outcomes tell, or, with an error, nothing. db may be a transaction, which Requeue never commits. At
// READ COMMITTED whoever comes second waits for the first and is told; above it he gets the database's serialization error.
func Requeue(ctx context.Context, db Beginner, which Selection, decision Decision) ([]Outcome, error) {
	return requeueing().decide(ctx, db, which, decision)
}

// Withdraw takes back what [Requeue] has asked for, as long as the relay has not done it: events that are requeued are parked again. Else
// it works as Requeue does.
func Withdraw(ctx context.Context, db Beginner, which Selection, decision Decision) ([]Outcome, error) {
	return withdrawing().decide(ctx, db, which, decision)
}

// Discard decides that events shall not be published, and needs a note that says why. Those that are parked, held or requeued can be
// discarded; they stay as they are, so that their absence from the stream is excused, and can be requeued. What is held behind a parked event
// that is discarded is published without it. Else it works as Requeue does.
func Discard(ctx context.Context, db Beginner, which Selection, decision Decision) ([]Outcome, error) {
	return discarding().decide(ctx, db, which, decision)
}

// Rows are locked in the order of the primary key, so that two persons don't wait for each other. Nobody but the relay and other persons
// waits for the locks. Rows that have changed meanwhile are compared with the condition again.
const lockSQL = `SELECT ` + rowColumns + ` FROM contrail.parked p`

const lockOrder = ` ORDER BY p.relay, p.position`

const changeSQL = `UPDATE contrail.parked p SET state = $3, changed_by = $4, note = $5, changed_at = clock_timestamp()
	FROM unnest($1::text[], $2::bigint[]) AS chosen (relay, position)
	WHERE p.relay = chosen.relay AND p.position = chosen.position`

// decide does it in a transaction.
func (t transition) decide(ctx context.Context, db Beginner, which Selection, by Decision) ([]Outcome, error) {
	if err := errors.Join(which.validate(t.verb, t.from), by.validate(t.needsNote)); err != nil {
		return nil, fmt.Errorf("%s parked events: %w", t.verb, err)
	}
	told := outcomes{}
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error { return t.apply(ctx, tx, which, by, told) })
	if err != nil {
		return nil, fmt.Errorf("%s parked events: %w", t.verb, err)
	}
	return told.sorted(), nil
}

func (t transition) apply(ctx context.Context, tx pgx.Tx, which Selection, by Decision, told outcomes) error {
	found, err := lock(ctx, tx, which, t.usual)
	if err != nil {
		return err
	}
	var chosen, waiting []row
	for _, r := range found {
		switch text, done := t.refuses(r, which); {
		case text != "":
			told.tell(r, r.state, false, done, text)
		case t.waits(r):
			waiting = append(waiting, r)
		default:
			chosen = append(chosen, r)
		}
	}
	if err := t.change(ctx, tx, chosen, by, told); err != nil {
		return err
	}
	free, err := unblocked(ctx, tx, waiting, told) // now that others may wait for it no longer
	if err != nil {
		return err
	}
	if err := t.change(ctx, tx, free, by, told); err != nil {
		return err
	}
	told.missing(which.keys())
	return ask(ctx, tx, told.relays())
}

func (t transition) change(ctx context.Context, tx pgx.Tx, chosen []row, by Decision, told outcomes) error {
	if len(chosen) == 0 {
		return nil
	}
	var keys []key
	for _, r := range chosen {
		keys = append(keys, r.key)
		told.tell(r, t.to, true, true, "is "+t.done)
	}
	relays, positions := columnsOf(keys)
	_, err := tx.Exec(ctx, changeSQL, relays, positions, t.to, by.By, by.Note)
	return err //nolint:wrapcheck // decide wraps it
}

// lock locks what is selected and tells how it stands.
func lock(ctx context.Context, tx pgx.Tx, which Selection, usual []State) ([]row, error) {
	where := which.where(usual)
	statement := lockSQL + where.String() + lockOrder
	if limit := which.limit(); limit > 0 {
		statement += where.Bound(` LIMIT ?`, limit)
	}
	rows, err := tx.Query(ctx, statement+` FOR NO KEY UPDATE`, where.Args...)
	if err != nil {
		return nil, err //nolint:wrapcheck // decide wraps it
	}
	return pgx.CollectRows(rows, func(from pgx.CollectableRow) (row, error) { return scanRow(from) }) //nolint:wrapcheck // likewise
}
