package parked

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// It walks the index parked_open.
const blockersSQL = `SELECT waiting.relay, waiting.position, min(p.position)
	FROM unnest($1::text[], $2::bigint[], $3::text[]) AS waiting (relay, position, stream)
	JOIN contrail.parked p ON p.relay = waiting.relay AND p.stream = waiting.stream AND p.position < waiting.position
	WHERE p.state = 'parked'
	GROUP BY 1, 2`

// unblocked returns those events behind no parked one of their own stream that a person has to requeue, and tells of the others: those that
// are blocked stay so, and those that are held no longer come by themselves.
func unblocked(ctx context.Context, tx pgx.Tx, waiting []row, told outcomes) (free []row, err error) {
	if len(waiting) == 0 {
		return nil, nil
	}
	blockers, err := blockersOf(ctx, tx, waiting)
	if err != nil {
		return nil, err
	}
	for _, r := range waiting {
		blocker, blocked := blockers[r.key]
		switch {
		case blocked:
			told.tell(r, r.state, false, false, fmt.Sprintf("is held behind position %d: requeue or discard that", blocker))
		case r.state == Held:
			told.tell(r, r.state, false, true, "is held by nothing any more: the relay publishes it by itself")
		default:
			free = append(free, r)
		}
	}
	return free, nil
}

// blockersOf are the lowest of the parked events before each.
func blockersOf(ctx context.Context, tx pgx.Tx, waiting []row) (map[key]int64, error) {
	var keys []key
	var streams []string
	for _, r := range waiting {
		keys, streams = append(keys, r.key), append(streams, r.stream)
	}
	relays, positions := columnsOf(keys)
	rows, err := tx.Query(ctx, blockersSQL, relays, positions, streams)
	if err != nil {
		return nil, err //nolint:wrapcheck // decide wraps it
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[blockedRow])
	blockers := map[key]int64{}
	for _, row := range found {
		blockers[key{row.Relay, row.Position}] = row.Blocker
	}
	return blockers, err //nolint:wrapcheck // decide wraps it
}

// blockedRow is a row of blockersSQL.
type blockedRow struct {
	Relay             string
	Position, Blocker int64
}
