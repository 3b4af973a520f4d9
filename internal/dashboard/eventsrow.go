package dashboard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// eventRow is an event as lists show it: all but its body.
type eventRow struct {
	Position    int64     `json:"position"`
	ID          uuid.UUID `json:"id"`
	Stream      string    `json:"stream"`
	Version     int64     `json:"version"`
	Type        string    `json:"type"`
	Tenant      string    `json:"tenant,omitempty"`
	Correlation string    `json:"correlation_id,omitempty"`
	Encrypted   bool      `json:"encrypted,omitempty"` // its body is about a person, and shown to nobody here
	RecordedAt  time.Time `json:"recorded_at"`
}

// eventColumns are what scanEventRow reads. The body stays where it is: it may be long.
const eventColumns = `e.position, e.id, e.stream, e.version, e.type, coalesce(e.metadata->>'tenant_id', ''), coalesce(e.metadata->>'correlation_id', ''),
	coalesce(e.metadata->>'key_id', '') <> '', e.recorded_at`

func scanEventRow(row pgx.CollectableRow) (eventRow, error) {
	var e eventRow
	err := row.Scan(&e.Position, &e.ID, &e.Stream, &e.Version, &e.Type, &e.Tenant, &e.Correlation, &e.Encrypted, &e.RecordedAt)
	e.RecordedAt = e.RecordedAt.UTC()
	return e, err //nolint:wrapcheck // the readers wrap it
}

// findEventRowSQL uses the unique index on the id.
const findEventRowSQL = `SELECT ` + eventColumns + ` FROM contrail.events e WHERE e.id = $1`

// findEventRow returns the event with an id; nil: there is none.
func findEventRow(ctx context.Context, pool *pgxpool.Pool, id uuid.UUID) (*eventRow, error) {
	rows, err := pool.Query(ctx, findEventRowSQL, id)
	if err != nil {
		return nil, fmt.Errorf("find event %s: %w", id, err)
	}
	row, err := pgx.CollectExactlyOneRow(rows, scanEventRow)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // none, and no fault
	}
	if err != nil {
		return nil, fmt.Errorf("find event %s: %w", id, err)
	}
	return &row, nil
}

// plannedAnew is what pgx is told ahead of a statement's arguments, to have it planned for these very arguments: one that is kept prepared is planned
// for any after a few calls, and then walks the whole table for a rare category. Other modes are what a proxy may need, and stay.
func plannedAnew(pool *pgxpool.Pool, args []any) []any {
	config := pool.Config().ConnConfig
	if config.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement || config.DescriptionCacheCapacity == 0 {
		return args
	}
	return append([]any{pgx.QueryExecModeCacheDescribe}, args...)
}
