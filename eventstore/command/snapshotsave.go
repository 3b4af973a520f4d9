package command

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/contrail-events/contrail"
)

// saveLimit is how long a command that has committed waits for its snapshot.
const saveLimit = 5 * time.Second

// saveSnapshotSQL locks one row of contrail.snapshots, and the keys against deletion until the transaction ends: whoever deletes one
// later finds the snapshot and deletes it, too. When a key is gone, nothing is written. The table's trigger sees to that for every writer, but
// it waits for a deletion that is under way; a command must not.
// An older snapshot replaces a newer one only if that is the one ($8) that was found to be of no use.
const saveSnapshotSQL = `
	WITH held AS (SELECT FROM contrail.keys WHERE id = ANY ($7::text[]) FOR KEY SHARE SKIP LOCKED)
	INSERT INTO contrail.snapshots AS s (stream, name, schema, version, event_id, state, key_ids)
	SELECT $1::text, $2::text, $3::bigint, $4::bigint, $5::text::uuid, $6::text::json, $7::text[]
	WHERE (SELECT count(*) FROM held) = cardinality($7::text[])
	ON CONFLICT (stream, name) DO UPDATE
	SET schema = excluded.schema, version = excluded.version, event_id = excluded.event_id, state = excluded.state,
	    key_ids = excluded.key_ids, taken_at = excluded.taken_at
	WHERE s.version < excluded.version OR s.version = $8::bigint`

// execer is a pool, a connection or a transaction.
type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// isDue tells whether a snapshot is to be taken of what an attempt came to.
func (s snapshots[S]) isDue(done outcome[S]) bool {
	return s.every > 0 && len(done.appended) > 0 && !done.sealed && done.version-done.kept.version >= s.every
}

// save writes a snapshot of a committed state. The command has succeeded by then, so what goes wrong is only told.
func (s snapshots[S]) save(ctx context.Context, db execer, stream contrail.StreamID, current aggregate[S]) {
	ctx, cancel := context.WithTimeout(ctx, saveLimit)
	defer cancel()
	if err := s.write(ctx, db, stream, current); err != nil {
		s.complain(ctx, stream, current, err)
	}
}

// saveTx writes a snapshot in the caller's transaction, behind a savepoint, so that what goes wrong leaves it good.
func (s snapshots[S]) saveTx(ctx context.Context, tx pgx.Tx, stream contrail.StreamID, current aggregate[S]) {
	err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error { return s.write(ctx, savepoint, stream, current) })
	if err != nil {
		s.complain(ctx, stream, current, err)
	}
}

func (s snapshots[S]) write(ctx context.Context, db execer, stream contrail.StreamID, current aggregate[S]) error {
	state, err := json.Marshal(&current.state) // by its address, for the sake of methods of *S
	if err != nil {
		return fmt.Errorf("marshal the state: %w", err)
	}
	if string(state) == "null" {
		return errNull
	}
	keys := append([]string{}, current.keys...) // never nil, which would be NULL
	_, err = db.Exec(ctx, saveSnapshotSQL, stream.String(), s.name, s.schema, current.version, current.last.String(), string(state), keys,
		current.kept.unusable)
	return err
}

func (s snapshots[S]) complain(ctx context.Context, stream contrail.StreamID, current aggregate[S], err error) {
	s.logger.WarnContext(ctx, "snapshot not written", slog.String("stream", stream.String()), slog.String("snapshot", s.name),
		slog.Int64("version", current.version), slog.Any("error", err))
}
