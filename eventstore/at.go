package eventstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// atSQL walks the primary key.
const atSQL = `SELECT ` + columns + ` FROM contrail.events e WHERE e.position = ANY($1) ORDER BY e.position`

// At returns the events at the given positions, as they are stored, in position order; a position that no event has is left out. It holds all of
// them in memory at once.
func At(ctx context.Context, db Querier, positions ...contrail.Position) ([]contrail.Recorded, error) {
	wanted := make([]int64, len(positions))
	for i, position := range positions {
		wanted[i] = int64(position)
	}
	rows, err := db.Query(ctx, atSQL, wanted)
	if err != nil {
		return nil, fmt.Errorf("read events by position: %w", translateRead(err))
	}
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (contrail.Recorded, error) { return scan(row) })
	if err != nil {
		return nil, fmt.Errorf("read events by position: %w", translateRead(err))
	}
	return events, nil
}
