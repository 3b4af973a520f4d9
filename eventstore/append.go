package eventstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/erasure"
)

// appendSQL locks nothing but the rows it inserts, and relies on the unique index on (stream, version).
const appendSQL = `SELECT outcome, id, position, stream, version, recorded_at FROM contrail.append($1::text, $2::bigint, $3::jsonb)`

// again reads back what a repeated append finds in its place.
const again = `WHERE e.stream = $1 AND e.version BETWEEN $2 AND $3 ORDER BY e.version`

// Append records events at the end of a stream, in tx, in one round trip. It never commits: when tx commits, every event of it is in
// the store and will reach the stream; when it rolls back, none will. Any number of streams may be appended to in one transaction.
//
// Metadata that ctx carries ([contrail.WithMetadata], and OpenTelemetry's active span) goes into every event that does not have those keys
// itself: that of the append's own span where Config.Tracer makes one. What comes back is the events as recorded, with their positions and versions; their data are as given, where PostgreSQL may write the
// same JSON otherwise. Appending the same ids again at the same versions, with the same types and data, is not an error: the events that stand
// there come back.
//
// Errors: [*ConflictError] when the stream is not at the expected version, [*DuplicateError] when an id stands elsewhere,
// [*contrail.InvalidError] for a stream, type, metadata or data that can't be stored, [ErrTransactionAborted], [ErrNotMigrated].
// After a ConflictError whose Actual is known, after a DuplicateError that says where, and after an InvalidError, which is found before the
// database is asked, tx is still good.
func (s *Store) Append(
	ctx context.Context, tx pgx.Tx, stream contrail.StreamID, expected ExpectedVersion, events ...contrail.Event,
) ([]contrail.Recorded, error) {
	if tx == nil {
		return nil, nilTransaction(stream)
	}
	ctx, ended := s.telemetry.begin(ctx, stream, len(events))
	recorded, err := s.append(ctx, stream, expected, events, func(statement string, args ...any) (erasure.Rows, error) {
		return tx.Query(ctx, statement, args...) //nolint:rowserrcheck,sqlclosecheck // collect does both
	})
	ended(recorded, err)
	return recorded, err
}

// AppendSQL is [Store.Append] for a transaction of database/sql, and so for sqlx, bun, GORM and others that can hand over theirs. The
// driver may be pgx or pq.
func (s *Store) AppendSQL(
	ctx context.Context, tx *sql.Tx, stream contrail.StreamID, expected ExpectedVersion, events ...contrail.Event,
) ([]contrail.Recorded, error) {
	if tx == nil {
		return nil, nilTransaction(stream)
	}
	ctx, ended := s.telemetry.begin(ctx, stream, len(events))
	recorded, err := s.append(ctx, stream, expected, events, func(statement string, args ...any) (erasure.Rows, error) {
		rows, err := tx.QueryContext(ctx, statement, args...) //nolint:rowserrcheck // collect does
		return sqlRows{rows}, err                             //nolint:wrapcheck // append wraps it
	})
	ended(recorded, err)
	return recorded, err
}

func nilTransaction(stream contrail.StreamID) error {
	return fmt.Errorf("append to %s: %w: it is nil", stream, ErrTransactionAborted)
}

// sqlRows closes as pgx.Rows do: Err tells what went wrong.
type sqlRows struct{ *sql.Rows }

func (r sqlRows) Close() { _ = r.Rows.Close() }

func (s *Store) append(
	ctx context.Context, stream contrail.StreamID, expected ExpectedVersion, events []contrail.Event, query erasure.Query,
) (recorded []contrail.Recorded, err error) {
	defer func() {
		if err != nil {
			recorded, err = nil, fmt.Errorf("append to %s: %w", stream, err)
		}
	}()
	if !expected.valid() {
		return nil, &contrail.InvalidError{What: "expected version", Value: expected.String(), Reason: "must be 0 or more"}
	}
	if err := stream.Validate(); err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, nil
	}
	prepared, entries, err := prepare(events, surroundings(ctx))
	if err != nil {
		return nil, err
	}
	if err := s.seal(stream, events, entries, query); err != nil {
		return nil, translate(stream, expected, err)
	}
	batch, err := s.marshal(entries)
	if err != nil {
		return nil, err
	}
	rows, err := query(appendSQL, stream.String(), int64(expected), string(batch))
	repeated := false
	if err == nil {
		repeated, err = collect(rows, stream, expected, prepared)
	}
	if err == nil && repeated {
		prepared, err = s.readAgain(query, stream, prepared)
	}
	return prepared, translate(stream, expected, err)
}

// readAgain returns what stands in the store, which may have other metadata than what was given now.
func (s *Store) readAgain(query erasure.Query, stream contrail.StreamID, given []contrail.Recorded) ([]contrail.Recorded, error) {
	rows, err := query(s.source+again, stream.String(), given[0].Version, given[len(given)-1].Version)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make([]contrail.Recorded, 0, len(given))
	for rows.Next() {
		event, err := s.scan(rows)
		if err != nil {
			return nil, err
		}
		found = append(found, event)
	}
	return found, rows.Err()
}

// collect completes the prepared events with what the database says of each, and tells whether they stood there already, or returns why it
// took none.
func collect(rows erasure.Rows, stream contrail.StreamID, expected ExpectedVersion, events []contrail.Recorded) (repeated bool, err error) {
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
