package parked

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// It walks the index parked_open.
const heldSQL = `SELECT stream, count(*) FROM contrail.parked WHERE relay = $1 AND stream = ANY($2) AND state = 'held' GROUP BY stream`

// Behind returns how many events of each of these event streams are held behind a parked one; a stream without any is not in the map. relay
// is the JetStream stream.
func Behind(ctx context.Context, db Querier, relay string, streams ...contrail.StreamID) (map[contrail.StreamID]int64, error) {
	names := make([]string, len(streams))
	for i, stream := range streams {
		names[i] = stream.String()
	}
	rows, err := db.Query(ctx, heldSQL, relay, names)
	if err != nil {
		return nil, fmt.Errorf("count held events: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[heldCount])
	if err != nil {
		return nil, fmt.Errorf("count held events: %w", err)
	}
	counts := map[contrail.StreamID]int64{}
	for _, row := range found {
		stream, err := contrail.ParseStreamID(row.Stream)
		if err != nil {
			return nil, fmt.Errorf("count held events: %w", err)
		}
		counts[stream] = row.Events
	}
	return counts, nil
}

// heldCount is a row of heldSQL.
type heldCount struct {
	Stream string
	Events int64
}
