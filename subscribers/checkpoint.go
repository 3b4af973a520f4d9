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
// then finds no row. All rely on the primary key.
const (
	readSQL = `SELECT position, sequence FROM contrail.projections WHERE name = $1`

	createSQL = `INSERT INTO contrail.projections (name) VALUES ($1) ON CONFLICT DO NOTHING`

	moveSQL = `UPDATE contrail.projections SET position = $3, sequence = $4, updated_at = clock_timestamp()
WHERE name = $1 AND position = $2 AND sequence = $5`
)

func readCheckpoint(ctx context.Context, db RowQuerier, name string) (checkpoint, error) {
	var at checkpoint
	err := db.QueryRow(ctx, readSQL, name).Scan(&at.position, &at.sequence)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return checkpoint{}, fmt.Errorf("read the checkpoint of projection %s: %w", name, unmigrated(err))
	}
	return at, nil
}

// errSuperseded says that the checkpoint is not where this process left it.
var errSuperseded = errors.New("another process has moved the checkpoint")

// move moves the checkpoint from where this process left it.
func move(ctx context.Context, tx pgx.Tx, name string, from, to checkpoint) error {
	tag, err := tx.Exec(ctx, moveSQL, name, from.position, to.position, to.sequence, from.sequence)
	if err != nil {
		return fmt.Errorf("move the checkpoint: %w", unmigrated(err))
	}
	if tag.RowsAffected() == 0 {
		return errSuperseded
	}
	return nil
}
