package parked

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const countSQL = `SELECT state, count(*) FROM contrail.parked WHERE $1 IN ('', relay) GROUP BY state`

// Count returns how many events there are in each state; every state is in the map. relay is the JetStream stream; empty: of all of them.
func Count(ctx context.Context, db Querier, relay string) (map[State]int64, error) {
	counts := map[State]int64{}
	for _, state := range States() {
		counts[state] = 0
	}
	rows, err := db.Query(ctx, countSQL, relay)
	if err != nil {
		return nil, fmt.Errorf("count parked events: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[stateCount])
	if err != nil {
		return nil, fmt.Errorf("count parked events: %w", err)
	}
	for _, row := range found {
		counts[row.State] = row.Events
	}
	return counts, nil
}

// stateCount is a row of countSQL.
type stateCount struct {
	State  State
	Events int64
}
