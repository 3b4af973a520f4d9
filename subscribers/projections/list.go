package projections

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Querier asks the database: a pool, a connection or a transaction of pgx.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

const (
	listSQL = `SELECT ` + columns + joined + `ORDER BY p.name`
	getSQL  = `SELECT ` + columns + joined + `WHERE p.name = $1`
)

// List returns all projections of the database, by name: those that a process has run at some time.
func List(ctx context.Context, db Querier) ([]Projection, error) {
	return collect(ctx, db, listSQL)
}

// Get returns one projection. The error wraps [ErrNotFound].
func Get(ctx context.Context, db Querier, name string) (Projection, error) {
	found, err := collect(ctx, db, getSQL, name)
	switch {
	case err != nil:
		return Projection{}, err
	case len(found) == 0:
		return Projection{}, fmt.Errorf("projection %q: %w", name, ErrNotFound)
	}
	return found[0], nil
}

func collect(ctx context.Context, db Querier, query string, args ...any) ([]Projection, error) {
	rows, err := db.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list projections: %w", err)
	}
	found, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("list projections: %w", err)
	}
	return found, nil
}
