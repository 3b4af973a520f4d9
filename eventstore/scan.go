package eventstore

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// columns are those of contrail.events, as scan reads them.
const columns = `e.position, e.id, e.stream, e.version, e.type, e.data, e.metadata, e.recorded_at`

// Where a [Store] reads from: with keys, the wrapped key of each encrypted event comes beside it, and no longer once it was deleted.
const (
	fromEvents         = `SELECT ` + columns + `, NULL::text FROM contrail.events e `
	fromEventsWithKeys = `SELECT ` + columns + `, k.wrapped FROM contrail.events e LEFT JOIN contrail.keys k ON k.id = e.metadata->>'key_id' `
)

// scan reads one row of columns, and what stands behind them into more.
func scan(row pgx.Row, more ...any) (contrail.Recorded, error) {
	var event contrail.Recorded
	var position int64
	var stream string
	var data, metadata []byte
	var at time.Time
	err := row.Scan(append([]any{&position, &event.ID, &stream, &event.Version, &event.Type, &data, &metadata, &at}, more...)...)
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
	event.Sealed = event.Metadata[contrail.KeySealedWith] != ""
	return event, nil
}

// scan reads one row of the store's source, and makes it readable if the store has keys.
func (s *Store) scan(row pgx.Row) (contrail.Recorded, error) {
	var wrapped *string
	event, err := scan(row, &wrapped)
	if err != nil || s.keys == nil {
		return event, err
	}
	return s.keys.Open(event, wrapped)
}
