package webhook

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// holding is an endpoint that this process posts to, with all that takes.
type holding struct {
	Endpoint

	token  int64 // of the tenure: another process that takes the endpoint has another one
	secret Secret
	former Secret // valid until Endpoint.FormerUntil
}

// secrets are those that are valid now.
func (h *holding) secrets(now time.Time) []Secret {
	if h.FormerUntil == nil || now.After(*h.FormerUntil) || h.former.IsZero() {
		return []Secret{h.secret}
	}
	return []Secret{h.secret, h.former}
}

const holdingColumns = columns + `, token, secret, former_secret`

// takeSQL takes endpoints that nobody holds, skipping those that somebody else is about to take. It reads the endpoints of the consumer, by the index
// webhooks_consumer: there are few.
const takeSQL = `WITH free AS MATERIALIZED (
		SELECT id FROM contrail.webhooks
		WHERE consumer = $1 AND state = 'enabled' AND (held_until IS NULL OR held_until < clock_timestamp()) AND id <> ALL (coalesce($5::uuid[], '{}'))
		ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED
	) UPDATE contrail.webhooks SET held_by = $2, held_until = clock_timestamp() + $3, token = token + 1 WHERE id IN (SELECT id FROM free)
	RETURNING ` + holdingColumns

// Of these, renewSQL and releaseSQL lock the rows of the endpoints that the process holds, by their primary keys.
const (
	loadSQL = `SELECT ` + holdingColumns + ` FROM contrail.webhooks WHERE id = ANY ($1)`

	renewSQL = `UPDATE contrail.webhooks w SET held_until = clock_timestamp() + $3 FROM unnest($1::uuid[], $2::bigint[]) AS mine (id, token)
		WHERE w.id = mine.id AND w.token = mine.token AND w.state = 'enabled' RETURNING w.id`

	releaseSQL = `UPDATE contrail.webhooks SET held_by = '', held_until = NULL WHERE id = $1 AND token = $2`
)

// take takes as many endpoints as most, if there are so many without a holder. One whose lane is still about to end here it leaves to others, or for later.
func (s *sender) take(ctx context.Context, most int) ([]*holding, error) {
	return s.holdings(ctx, takeSQL, s.consumer, s.process, s.config.Lease, most, slices.Collect(maps.Keys(s.lanes)))
}

// load reads endpoints anew.
func (s *sender) load(ctx context.Context, ids []uuid.UUID) ([]*holding, error) {
	return s.holdings(ctx, loadSQL, ids)
}

func (s *sender) holdings(ctx context.Context, sql string, args ...any) ([]*holding, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("take endpoints: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*holding, error) {
		var h holding
		var secret, former string
		err := row.Scan(append(targetsOf(&h.Endpoint), &h.token, &secret, &former)...)
		h.secret, h.former = secretOf(secret), Secret{}
		if former != "" {
			h.former = secretOf(former)
		}
		return &h, err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return nil, fmt.Errorf("take endpoints: %w", err)
	}
	return found, nil
}

// release lets others take an endpoint at once.
func (s *sender) release(ctx context.Context, h *holding) error {
	if _, err := s.pool.Exec(ctx, releaseSQL, h.ID, h.token); err != nil {
		return fmt.Errorf("give back endpoint %s: %w", h.ID, err)
	}
	return nil
}
