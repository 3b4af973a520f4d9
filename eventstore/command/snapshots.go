package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/schema"
)

// readSnapshotSQL reads one row by the primary key, its last event by the unique index on (stream, version), and its keys by theirs.
const readSnapshotSQL = `
	SELECT s.schema, s.version, s.event_id, s.state::text, s.key_ids,
	       EXISTS (SELECT FROM contrail.events e WHERE e.stream = s.stream AND e.version = s.version AND e.id = s.event_id),
	       NOT EXISTS (SELECT FROM unnest(s.key_ids) AS needed (id) WHERE NOT EXISTS (SELECT FROM contrail.keys k WHERE k.id = needed.id))
	FROM contrail.snapshots s WHERE s.stream = $1 AND s.name = $2`

// Why a snapshot is not used.
var (
	errOtherSchema  = errors.New("it has another schema")
	errOtherHistory = errors.New("its last event does not stand in the stream")
	errKeyDeleted   = errors.New("a key that it needs was deleted")
	errNull         = errors.New("it is null")
)

// snapshots keeps states of one kind.
type snapshots[S any] struct {
	name   string
	schema int64
	every  int64 // 0: they are not used
	logger *slog.Logger
}

func newSnapshots[S any](config Config) snapshots[S] {
	return snapshots[S]{
		name: config.Name, schema: int64(config.StateSchema), every: int64(config.Snapshots.every), logger: config.Logger,
	}
}

// snapshotRow is a row, and what the other tables say of it.
type snapshotRow struct {
	schema, version int64
	event           uuid.UUID
	state           string
	keys            []string
	stands, legible bool // its last event is in the stream; all its keys exist
}

// read returns the aggregate as the snapshot has it, at version 0 when there is none to use.
func (s snapshots[S]) read(ctx context.Context, db eventstore.Querier, stream contrail.StreamID) (aggregate[S], error) {
	if s.every == 0 {
		return aggregate[S]{}, nil
	}
	var row snapshotRow
	err := db.QueryRow(ctx, readSnapshotSQL, stream.String(), s.name).
		Scan(&row.schema, &row.version, &row.event, &row.state, &row.keys, &row.stands, &row.legible)
	if errors.Is(err, pgx.ErrNoRows) {
		return aggregate[S]{}, nil
	}
	if err != nil {
		return aggregate[S]{}, fmt.Errorf("load the snapshot of %s: %w", stream, translate(err))
	}
	state, err := s.open(row)
	if err != nil {
		s.tell(ctx, stream, row, err)
		return aggregate[S]{kept: s.unusable(row)}, nil
	}
	return aggregate[S]{
		state: state, version: row.version, last: row.event, keys: newKeySet(row.keys), kept: keptSnapshot{version: row.version},
	}, nil
}

// open returns the state, or why the row is none to use.
func (s snapshots[S]) open(row snapshotRow) (state S, err error) {
	switch {
	case row.schema != s.schema:
		return state, errOtherSchema
	case !row.stands:
		return state, errOtherHistory
	case !row.legible:
		return state, errKeyDeleted
	case row.state == "null": // which fits every type
		return state, errNull
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(row.state)))
	decoder.DisallowUnknownFields() // the state's type has changed, and its schema was forgotten
	if err := decoder.Decode(&state); err != nil {
		return state, fmt.Errorf("it does not fit the state's type: %w", err)
	}
	return state, nil
}

// unusable tells what is to become of a row that is not used. It is replaced at once, unless a newer program has taken it: while both run
// neither should undo the other's with each command.
func (s snapshots[S]) unusable(row snapshotRow) keptSnapshot {
	if row.schema > s.schema {
		return keptSnapshot{version: row.version}
	}
	return keptSnapshot{unusable: row.version}
}

func (s snapshots[S]) tell(ctx context.Context, stream contrail.StreamID, row snapshotRow, reason error) {
	level := slog.LevelWarn
	if errors.Is(reason, errOtherSchema) {
		level = slog.LevelDebug
	}
	s.logger.LogAttrs(ctx, level, "snapshot ignored", slog.String("stream", stream.String()), slog.String("snapshot", s.name),
		slog.Int64("version", row.version), slog.Int64("schema", row.schema), slog.Any("reason", reason))
}

// translate says what a driver reports in the store's words.
func translate(err error) error {
	if schema.IsUndefined(err) {
		return fmt.Errorf("%w: run `contrail migrate` (%w)", eventstore.ErrNotMigrated, err)
	}
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	if errors.Is(err, pgx.ErrTxClosed) || ok && refusal.Code == "25P02" {
		return fmt.Errorf("%w: %w", eventstore.ErrTransactionAborted, err)
	}
	return err
}
