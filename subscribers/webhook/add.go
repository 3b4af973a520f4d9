package webhook

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Querier asks the database, and changes it: a pool, a connection or a transaction of pgx.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// addSQL locks nothing but the new row.
const addSQL = `INSERT INTO contrail.webhooks
	(id, consumer, tenant, url, description, categories, types, concurrency, timeout, max_attempts, private, created_by, changed_by, secret)
	VALUES ($1, $2, $3, $4, $5, coalesce($6, '{}'::text[]), coalesce($7, '{}'::text[]), $8, $9, $10, $11, $12, $12, $13) RETURNING ` + columns

// Add registers an endpoint, by the first part of endpoint. It gets the events that are planned from then on, which are all those that are appended after
// Add's transaction has committed. The zero secret has a new one made. What is returned is the only time that the secret is told: give it to whoever
// runs the endpoint.
//
// The error names every field that is wrong. That its URL leads nowhere shows only with the first request: see [Test].
func Add(ctx context.Context, db Querier, endpoint Endpoint, secret Secret) (Endpoint, Secret, error) {
	endpoint = endpoint.withDefaults()
	if err := endpoint.validate(); err != nil {
		return Endpoint{}, Secret{}, fmt.Errorf("add an endpoint: %w", err)
	}
	if secret.IsZero() {
		secret = NewSecret()
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Endpoint{}, Secret{}, fmt.Errorf("add an endpoint: %w", err)
	}
	rows, err := db.Query(ctx, addSQL, id, endpoint.Consumer, endpoint.Tenant, endpoint.URL, endpoint.Description, endpoint.Categories, endpoint.Types,
		endpoint.Concurrency, endpoint.Timeout, endpoint.MaxAttempts, endpoint.Private, endpoint.CreatedBy, secret.Reveal())
	if err != nil {
		return Endpoint{}, Secret{}, fmt.Errorf("add an endpoint: %w", err)
	}
	added, err := pgx.CollectExactlyOneRow(rows, scan)
	if err != nil {
		return Endpoint{}, Secret{}, fmt.Errorf("add an endpoint: %w", err)
	}
	return added, secret, nil
}
