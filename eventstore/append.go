package eventstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// appendSQL locks nothing but the rows it inserts, and relies on the unique index on (stream, version).
const appendSQL = `SELECT outcome, id, position, stream, version, recorded_at FROM contrail.append($1::text, $2::bigint, $3::jsonb)`

// againSQL reads back what a repeated append finds in its place.
const againSQL = `SELECT ` + columns + ` FROM contrail.events WHERE stream = $1 AND version BETWEEN $2 AND $3 ORDER BY version`

// Append records events at the end of a stream, in tx, in one round trip. It never commits: when tx commits, every event of it is in
// the store and will reach the stream; when it rolls back, none will. Any number of streams may be appended to in one transaction.
//
// What comes back is the events as recorded, with their positions and versions. Appending the same ids again at the same versions,
// with the same types and data, is not an error: the events that stand there come back.
//
// Errors: [*ConflictError] when the stream is not at the expected version, [*DuplicateError] when an id stands elsewhere,
// [*contrail.InvalidError] for a stream, type, metadata or data that can't be stored, [ErrTransactionAborted], [ErrNotMigrated].
// After a ConflictError whose Actual is known, after a DuplicateError that says where, and after an InvalidError found before the database was
// asked, tx is still good.
func (s *Store) Append(
	ctx context.Context, tx pgx.Tx, stream contrail.StreamID, expected ExpectedVersion, events ...contrail.Event,
) ([]contrail.Recorded, error) {
	if tx == nil {
		return nil, nilTransaction(stream)
	}
	return s.append(stream, expected, events, func(statement string, args ...any) (outcomes, error) {
		return tx.Query(ctx, statement, args...) //nolint:rowserrcheck,sqlclosecheck // collect does both
	})
}

// AppendSQL is [Store.Append] for a transaction of database/sql, and so for sqlx, bun, GORM and others that can hand over theirs. The
// driver may be pgx or pq.
func (s *Store) AppendSQL(
	ctx context.Context, tx *sql.Tx, stream contrail.StreamID, expected ExpectedVersion, events ...contrail.Event,
) ([]contrail.Recorded, error) {
	if tx == nil {
		return nil, nilTransaction(stream)
	}
	return s.append(stream, expected, events, func(statement string, args ...any) (outcomes, error) {
		rows, err := tx.QueryContext(ctx, statement, args...) //nolint:rowserrcheck // collect does
		return sqlRows{rows}, err                             //nolint:wrapcheck // append wraps it
	})
}

// query asks either kind of transaction.
type query func(statement string, args ...any) (outcomes, error)

func nilTransaction(stream contrail.StreamID) error {
	return fmt.Errorf("append to %s: %w: it is nil", stream, ErrTransactionAborted)
}

// outcomes are the rows that contrail.append returns, from either kind of transaction.
type outcomes interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close()
}

// sqlRows closes as pgx.Rows do: Err tells what went wrong.
type sqlRows struct{ *sql.Rows }

func (r sqlRows) Close() { _ = r.Rows.Close() }

func (s *Store) append(
	stream contrail.StreamID, expected ExpectedVersion, events []contrail.Event, query query,
) (recorded []contrail.Recorded, err error) {
	defer func() {
		if err != nil {
			recorded, err = nil, fmt.Errorf("append to %s: %w", stream, err)
		}
	}()
	if !expected.valid() {
		return nil, &contrail.InvalidError{What: "expected version", Value: expected.String(), Reason: "is below zero"}
	}
	if err := stream.Validate(); err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, nil
	}
	prepared, batch, err := s.prepare(events)
	if err != nil {
		return nil, err
	}
	rows, err := query(appendSQL, stream.String(), int64(expected), string(batch))
	repeated := false
	if err == nil {
		repeated, err = collect(rows, stream, expected, prepared)
	}
	if err == nil && repeated {
		prepared, err = readAgain(query, stream, prepared)
	}
	return prepared, translate(stream, expected, err)
}

// readAgain returns what stands in the store, which may have other metadata than what was given now.
func readAgain(query query, stream contrail.StreamID, given []contrail.Recorded) ([]contrail.Recorded, error) {
	rows, err := query(againSQL, stream.String(), given[0].Version, given[len(given)-1].Version)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make([]contrail.Recorded, 0, len(given))
	for rows.Next() {
		event, err := scan(rows)
		if err != nil {
			return nil, err
		}
		found = append(found, event)
	}
	return found, rows.Err()
}

// entry is one element of the batch that contrail.append takes.
type entry struct {
	ID       uuid.UUID         `json:"id"`
	Type     string            `json:"type"`
	Data     json.RawMessage   `json:"data"`
	Metadata contrail.Metadata `json:"metadata"`
}

// prepare checks and marshals the events, and gives those an id that have none.
func (s *Store) prepare(events []contrail.Event) ([]contrail.Recorded, []byte, error) {
	recorded := make([]contrail.Recorded, len(events))
	batch := make([]entry, len(events))
	for i, event := range events {
		if err := event.Validate(); err != nil {
			return nil, nil, fmt.Errorf("event %d: %w", i+1, err)
		}
		data, err := s.marshal(event)
		if err != nil {
			return nil, nil, fmt.Errorf("event %d: %w", i+1, err)
		}
		entry := entry{ID: event.ID, Type: event.Type, Data: data, Metadata: event.Metadata}
		if entry.Metadata == nil {
			entry.Metadata = contrail.Metadata{}
		}
		if entry.ID == uuid.Nil {
			if entry.ID, err = uuid.NewV7(); err != nil {
				return nil, nil, fmt.Errorf("event %d: make an id: %w", i+1, err)
			}
		}
		batch[i] = entry
		recorded[i] = contrail.Recorded{ID: entry.ID, Type: entry.Type, Data: data, Metadata: entry.Metadata}
	}
	text, err := json.Marshal(batch)
	if err != nil {
		return nil, nil, fmt.Errorf("marshal: %w", err)
	}
	return recorded, text, nil
}

func (s *Store) marshal(event contrail.Event) (json.RawMessage, error) {
	data, err := json.Marshal(event.Data)
	if err != nil {
		return nil, &contrail.InvalidError{What: "data of event type", Value: event.Type, Reason: "is not JSON: " + err.Error()}
	}
	size := storedSize(data)
	for key, value := range event.Metadata {
		size += len(key) + len(value) + len(`"":"",`)
	}
	if size > s.maxEventBytes {
		reason := fmt.Sprintf("has %d bytes of data and metadata, more than the %d allowed (eventstore.Config.MaxEventBytes)", size, s.maxEventBytes)
		return nil, &contrail.InvalidError{What: "event type", Value: event.Type, Reason: reason}
	}
	return data, nil
}

// collect completes the prepared events with what the database says of each, and tells whether they stood there already, or returns why it
// took none.
func collect(rows outcomes, stream contrail.StreamID, expected ExpectedVersion, events []contrail.Recorded) (repeated bool, err error) {
	defer rows.Close()
	for n := 0; rows.Next(); n++ {
		var outcome, where string
		var id *uuid.UUID
		var position, version *int64
		var at *time.Time
		if err := rows.Scan(&outcome, &id, &position, &where, &version, &at); err != nil {
			return false, err
		}
		switch outcome {
		case "conflict":
			return false, &ConflictError{Stream: stream, Expected: expected, Actual: *version}
		case "duplicate":
			return false, duplicate(*id, where, *version, *position)
		}
		repeated = outcome == "repeated"
		event := &events[n]
		event.Position, event.Stream, event.Version, event.RecordedAt = contrail.Position(*position), stream, *version, at.UTC()
	}
	return repeated, rows.Err()
}

func duplicate(id uuid.UUID, stream string, version, position int64) error {
	where, err := contrail.ParseStreamID(stream)
	if err != nil {
		return err
	}
	return &DuplicateError{ID: id, Stream: where, Version: version, Position: contrail.Position(position)}
}
