package webhook

import (
	"context"
	"fmt"
)

// changeSQL waits for whoever has the row locked, which nobody has for long.
const changeSQL = `UPDATE contrail.webhooks SET url = $3, description = $4, categories = coalesce($5, '{}'::text[]), types = coalesce($6, '{}'::text[]),
		concurrency = $7, timeout = $8, max_attempts = $9, private = $10, changed_at = clock_timestamp(), changed_by = $11
	WHERE id = $1 AND ($2 = '' OR tenant = $2) RETURNING ` + columns

// Change replaces what a person has said about an endpoint: take it from [Get], change it and give it back. Its ID says which one, its ChangedBy who does so.
// Consumer and Tenant stay what they are: an endpoint of another tenant is another one. If endpoint has a Tenant, it must be the one that it has. The process that posts
// to it notices within a second; events that were planned already are posted to the new URL, also those of types that it wants no more. What waits for
// its next attempt, or for the next probe, is tried at once.
//
// The error names every field that is wrong, or wraps [ErrNotFound].
func Change(ctx context.Context, db Querier, endpoint Endpoint) (Endpoint, error) {
	endpoint = endpoint.withDefaults()
	if err := endpoint.validate(); err != nil {
		return Endpoint{}, fmt.Errorf("change endpoint %s: %w", endpoint.ID, err)
	}
	return statement{"change", changeSQL}.on(ctx, db, endpoint.ID, endpoint.Tenant, endpoint.URL, endpoint.Description, endpoint.Categories, endpoint.Types,
		endpoint.Concurrency, endpoint.Timeout, endpoint.MaxAttempts, endpoint.Private, endpoint.ChangedBy)
}
