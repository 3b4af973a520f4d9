package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Order is who wants something, and why, for others to see.
type Order struct {
	By      string // as in ada@ops
	Because string // may be empty
}

// Paused is whether a projection is paused.
type Paused struct {
	At      *time.Time // nil: it is not
	By      string
	Because string
}

// Each changes one row, and waits for the batch that has it locked. pauseSQL waits for a rebuild's as well, after that: the rebuild locks the two
// rows in the same order.
const (
	pauseSQL = `WITH paused AS (
			UPDATE contrail.projections SET paused_at = coalesce(paused_at, clock_timestamp()),
				paused_by = CASE WHEN paused_at IS NULL THEN $2::text ELSE paused_by END,
				paused_because = CASE WHEN paused_at IS NULL THEN $3::text ELSE paused_because END
			WHERE name = $1 RETURNING name, paused_at, paused_by, paused_because
		), held AS (
			SELECT FROM contrail.rebuilds WHERE projection = (SELECT name FROM paused) FOR UPDATE
		) SELECT paused_at, paused_by, paused_because, (SELECT count(*) FROM held) FROM paused`

	resumeSQL = `UPDATE contrail.projections SET paused_at = NULL, paused_by = '', paused_because = '' WHERE name = $1
		RETURNING paused_at, paused_by, paused_because, 0::bigint`
)

// Pause has a projection project nothing more until [Resume], as soon as it returns; it waits for the batch that is under way, or for the
// replacement of the read model, until ctx ends. One that is paused already stays as it is, and the result tells by whom and why it was. The
// error wraps [ErrNotFound].
//
// db may be a transaction: then the projection waits, and is paused with its commit.
func Pause(ctx context.Context, db Querier, name string, order Order) (Paused, error) {
	return change(db.QueryRow(ctx, pauseSQL, name, order.By, order.Because), "pause", name)
}

// Resume lets a projection go on; the process that is active notices within its Standby, a second by default. One that is not paused stays as it is. The
// error wraps [ErrNotFound].
func Resume(ctx context.Context, db Querier, name string) error {
	_, err := change(db.QueryRow(ctx, resumeSQL, name), "resume", name)
	return err
}

func change(row pgx.Row, operation, name string) (now Paused, err error) {
	err = row.Scan(&now.At, &now.By, &now.Because, nil)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Paused{}, fmt.Errorf("%s projection %q: %w", operation, name, err)
	}
	return now, nil
}
