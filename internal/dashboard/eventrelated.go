package dashboard

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail"
)

// relatedMost is how many events of a kind are shown beside one.
const relatedMost = 20

// relatedEvents are those around an event.
type relatedEvents struct {
	Before     *eventRow  `json:"before,omitempty"` // in its stream
	After      *eventRow  `json:"after,omitempty"`  // likewise
	CausedBy   *eventRow  `json:"caused_by,omitempty"`
	Cause      string     `json:"causation_id,omitempty"` // what it was caused by, which need not be an event
	Effects    []eventRow `json:"effects,omitempty"`      // events that it has caused, oldest first
	Correlated []eventRow `json:"correlated,omitempty"`   // others with the same correlation, oldest first, around it
	More       bool       `json:"more_correlated,omitempty"`
}

// They walk (stream, version), and the index on the correlation: what an event causes has its correlation, or, where it has none, its id for one.
const (
	neighboursSQL = `SELECT ` + eventColumns + ` FROM contrail.events e WHERE e.stream = $1 AND e.version IN ($2 - 1, $2 + 1) ORDER BY e.version`
	correlatedSQL = `(SELECT ` + eventColumns + ` FROM contrail.events e WHERE e.metadata ? 'correlation_id' AND e.metadata->>'correlation_id' = $1
			AND e.position < $2 ORDER BY e.position DESC LIMIT $3)
		UNION ALL (SELECT ` + eventColumns + ` FROM contrail.events e WHERE e.metadata ? 'correlation_id' AND e.metadata->>'correlation_id' = $1
			AND e.position > $2 ORDER BY e.position LIMIT $3)
		ORDER BY 1`

	// effectsSQL looks at the next events with the correlation, at most a thousand.
	effectsSQL = `SELECT * FROM (SELECT ` + eventColumns + `, e.metadata->>'causation_id' AS cause FROM contrail.events e
			WHERE e.metadata ? 'correlation_id' AND e.metadata->>'correlation_id' = $1 AND e.position > $2 ORDER BY e.position LIMIT 1000) AS later
		WHERE cause = $3 LIMIT $4`
)

// readRelated reads what stands around an event.
func (d *Dashboard) readRelated(ctx context.Context, event contrail.Recorded) (related relatedEvents, err error) {
	neighbours, err := eventRows(ctx, d.pool, neighboursSQL, event.Stream.String(), event.Version)
	if err != nil {
		return related, err
	}
	for i := range neighbours {
		if neighbours[i].Version < event.Version {
			related.Before = &neighbours[i]
		} else {
			related.After = &neighbours[i]
		}
	}
	related.Cause = event.Metadata[contrail.KeyCausationID]
	if id, err := uuid.Parse(related.Cause); err == nil {
		if related.CausedBy, err = findEventRow(ctx, d.pool, id); err != nil {
			return related, err
		}
	}
	correlation := event.Metadata[contrail.KeyCorrelationID]
	if correlation == "" {
		correlation = event.ID.String()
	}
	if related.Correlated, err = eventRows(ctx, d.pool, correlatedSQL, correlation, event.Position, relatedMost/2); err != nil {
		return related, err
	}
	related.More = len(related.Correlated) >= relatedMost/2
	rows, err := d.pool.Query(ctx, effectsSQL, plannedAnew(d.pool, []any{correlation, event.Position, event.ID.String(), relatedMost})...)
	if err != nil {
		return related, fmt.Errorf("look up what event %s has caused: %w", event.ID, err)
	}
	related.Effects, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (eventRow, error) {
		var e eventRow
		err := row.Scan(&e.Position, &e.ID, &e.Stream, &e.Version, &e.Type, &e.Tenant, &e.Correlation, &e.Encrypted, &e.RecordedAt, nil)
		return e, err //nolint:wrapcheck // it is wrapped below
	})
	if err != nil {
		return related, fmt.Errorf("look up what event %s has caused: %w", event.ID, err)
	}
	return related, nil
}

// eventRows runs a statement whose columns are eventColumns.
func eventRows(ctx context.Context, pool *pgxpool.Pool, statement string, args ...any) ([]eventRow, error) {
	rows, err := pool.Query(ctx, statement, plannedAnew(pool, args)...)
	if err != nil {
		return nil, fmt.Errorf("look up events: %w", err)
	}
	found, err := pgx.CollectRows(rows, scanEventRow)
	if err != nil {
		return nil, fmt.Errorf("look up events: %w", err)
	}
	return found, nil
}
