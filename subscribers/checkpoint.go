package subscribers

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// RowQuerier reads one row, as a *pgxpool.Pool, a *pgx.Conn and a pgx.Tx do.
type RowQuerier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Checkpoint returns the position that the named projection has come to in the stream, zero when there is none yet: what the stream has of
// its events up to there is in the read model. Read in the same transaction as that, it tells exactly what that contains.
func Checkpoint(ctx context.Context, db RowQuerier, name string) (contrail.Position, error) {
	at, err := readCheckpoint(ctx, db, name)
	return at.position, err
}

// checkpoint is a place in the store's order, and the message in the stream at which that is reached: the event's own, or a later one that
// stands out of its order.
type checkpoint struct {
	position contrail.Position
	sequence uint64
}

// None of these takes a lock but moveSQL: on the projection's row, so that a second active process waits for the first one's transaction, and
// then finds no row; and so that who pauses it, or replaces the read model, waits for what is under way. All rely on the primary keys.
const (
	readSQL = `SELECT position, sequence FROM contrail.projections WHERE name = $1`

	moveSQL = `WITH moved AS (
			UPDATE contrail.projections SET position = $3, sequence = $4, updated_at = clock_timestamp()
			WHERE name = $1 AND position = $2 AND sequence = $5 AND rebuilds = $6 AND paused_at IS NULL RETURNING 1
		) SELECT CASE WHEN $7::text <> '' THEN ` + extendPath + ` END FROM moved, LATERAL (SELECT ` + keepaliveLocal + `) AS alive`

	// One that stands where it was left was paused then, and has been resumed since.
	refusedSQL = `SELECT paused_at IS NOT NULL OR position = $3 AND sequence = $4 AND rebuilds = $2, rebuilds <> $2
		FROM contrail.projections WHERE name = $1`

	fillSQL = `DELETE FROM contrail.projection_gaps WHERE projection = $1 AND position = ANY($2::bigint[])`

	// extendPath puts schemas in front of the session's search path, until the transaction ends.
	extendPath = `set_config('search_path', concat_ws(', ', $7::text, nullif(current_setting('search_path'), '')), true)`
)

func readCheckpoint(ctx context.Context, db RowQuerier, name string) (checkpoint, error) {
	var at checkpoint
	err := db.QueryRow(ctx, readSQL, name).Scan(&at.position, &at.sequence)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return checkpoint{}, fmt.Errorf("read the checkpoint of projection %s: %w", name, unmigrated(err))
	}
	return at, nil
}

// Why a checkpoint is not moved.
var (
	errSuperseded = errors.New("another process has moved the checkpoint")
	errPaused     = errors.New("the projection is paused")
	errRebuilt    = errors.New("the read model was rebuilt")
)

// move moves the checkpoint from where this process left it, and has the handler's unqualified names mean tables in the schemas of path.
func move(ctx context.Context, tx pgx.Tx, name string, s stretch, path string) error {
	err := tx.QueryRow(ctx, moveSQL, name, s.from.position, s.to.position, s.to.sequence, s.from.sequence, s.rebuilds, path).Scan(nil)
	if errors.Is(err, pgx.ErrNoRows) {
		return refusal(ctx, tx, name, s)
	}
	if err != nil {
		return fmt.Errorf("move the checkpoint: %w", unmigrated(err))
	}
	if len(s.filled) == 0 {
		return nil
	}
	tag, err := tx.Exec(ctx, fillSQL, name, s.filled)
	if err != nil {
		return fmt.Errorf("fill gaps: %w", unmigrated(err))
	}
	if tag.RowsAffected() != int64(len(s.filled)) { // the checkpoint need not have moved with them
		return errSuperseded
	}
	return nil
}

// refusal tells why the checkpoint could not be moved.
func refusal(ctx context.Context, tx pgx.Tx, name string, s stretch) error {
	var paused, rebuilt bool
	err := tx.QueryRow(ctx, refusedSQL, name, s.rebuilds, s.from.position, s.from.sequence).Scan(&paused, &rebuilt)
	switch {
	case err != nil && !errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("read the checkpoint: %w", unmigrated(err))
	case paused:
		return errPaused
	case rebuilt:
		return errRebuilt
	}
	return errSuperseded
}
