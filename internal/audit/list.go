package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

const (
	columns = `id, began_at, ended_at, who, role, address, action, target, reason, form, outcome, error`

	// By primary key.
	getSQL = `SELECT ` + columns + `, results FROM contrail.audit WHERE id = $1`

	listSQL = `SELECT ` + columns + `, NULL::jsonb FROM contrail.audit`
)

// List returns entries, newest first, without their results. One goes on with the id of the last as Before, and back with the id of the first as After.
func (l *Log) List(ctx context.Context, filter Filter) ([]Entry, error) {
	if err := filter.Validate(); err != nil {
		return nil, fmt.Errorf("list the audit log: %w", err)
	}
	where, order, limit := filter.where(), ` ORDER BY id DESC`, filter.Limit
	if filter.After > 0 {
		order = ` ORDER BY id`
	}
	if limit == 0 {
		limit = DefaultLimit
	}
	statement := listSQL + where.String() + order + where.Bound(` LIMIT ?`, limit)
	rows, err := l.db.Query(ctx, statement, where.Args...)
	if err != nil {
		return nil, fmt.Errorf("list the audit log: %w", err)
	}
	found, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("list the audit log: %w", err)
	}
	if filter.After > 0 {
		slices.Reverse(found)
	}
	return found, nil
}

// Get returns one entry with its results. The error wraps [ErrNotFound].
func (l *Log) Get(ctx context.Context, id int64) (Entry, error) {
	rows, err := l.db.Query(ctx, getSQL, id)
	if err != nil {
		return Entry{}, fmt.Errorf("read entry %d of the audit log: %w", id, err)
	}
	entry, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Entry{}, fmt.Errorf("read entry %d of the audit log: %w", id, err)
	}
	return entry, nil
}

func scan(row pgx.CollectableRow) (e Entry, err error) {
	err = row.Scan(&e.ID, &e.BeganAt, &e.EndedAt, &e.Who, &e.Role, &e.Address, &e.Action, &e.Target, &e.Reason, &e.Form, &e.Outcome, &e.Error, &e.Results)
	return e, err //nolint:wrapcheck // who collects wraps it
}
