package eventstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// at selects by position, and walks the primary key.
const at = `WHERE e.position = ANY($1) ORDER BY e.position`

// At returns the events at the given positions, as they are stored, in position order; a position that no event has is left out. It holds all of
// them in memory at once.
func At(ctx context.Context, db Querier, positions ...contrail.Position) ([]contrail.Recorded, error) {
	return (&Store{source: fromEvents}).At(ctx, db, positions...)
}

// At is the function of that name for a store with keys: encrypted events are readable. It takes part in the caller's transaction, if db is one.
func (s *Store) At(ctx context.Context, db Querier, positions ...contrail.Position) ([]contrail.Recorded, error) {
	wanted := make([]int64, len(positions))
	for i, position := range positions {
		wanted[i] = int64(position)
	}
	rows, err := db.Query(ctx, s.source+at, wanted)
	if err != nil {
		return nil, fmt.Errorf("read events by position: %w", translateRead(err))
	}
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (contrail.Recorded, error) { return s.scan(row) })
	if err != nil {
		return nil, fmt.Errorf("read events by position: %w", translateRead(err))
	}
	return events, nil
}
