package eventstore

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

const columns = `position, id, stream, version, type, data, metadata, recorded_at`

// loadSQL walks the unique index on (stream, version).
const loadSQL = `SELECT ` + columns + ` FROM contrail.events WHERE stream = $1 AND version >= $2 ORDER BY version`

// Load yields one stream's events in version order, beginning with the version from (0 and 1 both mean the first). A stream that does
// not exist yields nothing. Rows come as they are consumed, in constant memory; while the loop runs, the connection behind db is
// busy, so nothing else may be asked of a transaction meanwhile. An error ends the sequence and comes as its last pair.
func (s *Store) Load(ctx context.Context, db Querier, stream contrail.StreamID, from int64) iter.Seq2[contrail.Recorded, error] {
	return func(yield func(contrail.Recorded, error) bool) {
		err := stream.Validate()
		var rows pgx.Rows
		if err == nil {
			rows, err = db.Query(ctx, loadSQL, stream.String(), from)
		}
		if err != nil {
			yield(contrail.Recorded{}, fmt.Errorf("load %s: %w", stream, translate(stream, Any, err)))
			return
		}
		defer rows.Close()
		for rows.Next() {
			event, err := scan(rows)
			if err != nil {
				yield(contrail.Recorded{}, fmt.Errorf("load %s: %w", stream, err))
				return
			}
			if !yield(event, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(contrail.Recorded{}, fmt.Errorf("load %s: %w", stream, translate(stream, Any, err)))
		}
	}
}

// scan reads one row of columns.
func scan(row pgx.Row) (contrail.Recorded, error) {
	var event contrail.Recorded
	var position int64
	var stream string
	var data, metadata []byte
	var at time.Time
	err := row.Scan(&position, &event.ID, &stream, &event.Version, &event.Type, &data, &metadata, &at)
	if err != nil {
		return event, err //nolint:wrapcheck // the readers wrap it
	}
	event.Position, event.Data, event.RecordedAt = contrail.Position(position), data, at.UTC()
	if event.Stream, err = contrail.ParseStreamID(stream); err != nil {
		return event, fmt.Errorf("position %d: %w", event.Position, err)
	}
	event.Metadata = contrail.Metadata{}
	if string(metadata) == "{}" {
		return event, nil
	}
	if err := json.Unmarshal(metadata, &event.Metadata); err != nil {
		return event, fmt.Errorf("position %d: metadata: %w", event.Position, err)
	}
	return event, nil
}
