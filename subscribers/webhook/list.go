package webhook

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Filter is which endpoints are asked for. The zero value means all.
type Filter struct {
	Consumer string
	Tenant   string // not empty: those of this tenant alone
	State    State
}

// Scope is whose endpoints somebody may see and change.
type Scope struct {
	Tenant string // not empty: those of this tenant alone; the others are not there
}

// Both read without locks, one by the primary key; of endpoints there are few.
const (
	listSQL = `SELECT ` + columns + ` FROM contrail.webhooks
		WHERE ($1 = '' OR consumer = $1) AND ($2 = '' OR tenant = $2) AND ($3 = '' OR state = $3) ORDER BY id`
	getSQL = `SELECT ` + columns + ` FROM contrail.webhooks WHERE id = $1 AND ($2 = '' OR tenant = $2)`
)

// List returns endpoints in the order in which they were added. It holds its connection until it is through.
func List(ctx context.Context, db Querier, filter Filter) iter.Seq2[Endpoint, error] {
	return func(yield func(Endpoint, error) bool) {
		rows, err := db.Query(ctx, listSQL, filter.Consumer, filter.Tenant, filter.State)
		if err != nil {
			yield(Endpoint{}, fmt.Errorf("list endpoints: %w", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			endpoint, err := scan(rows)
			if err != nil {
				yield(Endpoint{}, fmt.Errorf("list endpoints: %w", err))
				return
			}
			if !yield(endpoint, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(Endpoint{}, fmt.Errorf("list endpoints: %w", err))
		}
	}
}

// Get returns one endpoint. The error wraps [ErrNotFound].
func Get(ctx context.Context, db Querier, id uuid.UUID, scope Scope) (Endpoint, error) {
	return statement{"get", getSQL}.on(ctx, db, id, scope.Tenant)
}

// statement is one about an endpoint: its first argument is the endpoint's id, and what it returns are the columns.
type statement struct {
	operation string // as in disable
	sql       string
}

// on runs it. The error wraps [ErrNotFound] if it returns no row.
func (s statement) on(ctx context.Context, db Querier, id uuid.UUID, args ...any) (Endpoint, error) {
	rows, err := db.Query(ctx, s.sql, append([]any{id}, args...)...)
	if err != nil {
		return Endpoint{}, fmt.Errorf("%s endpoint %s: %w", s.operation, id, err)
	}
	endpoint, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Endpoint{}, fmt.Errorf("%s endpoint %s: %w", s.operation, id, err)
	}
	return endpoint, nil
}
