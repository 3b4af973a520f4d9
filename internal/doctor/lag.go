package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// Shared memory.
	horizonSQL = `SELECT contrail.horizon()`

	// One row, by the primary key.
	oldestSQL = `SELECT position, extract(epoch FROM clock_timestamp() - recorded_at)::float8 FROM contrail.events
		WHERE position > $1 AND position <= $2 ORDER BY position LIMIT 1`
)

const muchLag = 10 // times the limit

func checkLag(ctx context.Context, d *Doctor) ([]Finding, error) {
	at, _, err := d.cursor(ctx)
	if err != nil {
		return nil, err
	}
	var horizon, oldest int64
	if err := d.pool.QueryRow(ctx, horizonSQL).Scan(&horizon); err != nil {
		return nil, fmt.Errorf("ask for the horizon: %w", err)
	}
	var waiting float64
	switch err := d.pool.QueryRow(ctx, oldestSQL, at, horizon).Scan(&oldest, &waiting); {
	case errors.Is(err, pgx.ErrNoRows):
		return good(values{"position": at, "horizon": horizon, "seconds": 0}, "every settled event is published"), nil
	case err != nil:
		return nil, fmt.Errorf("look for the oldest event that is not published: %w", err)
	}
	with := values{"position": at, "horizon": horizon, "oldest": oldest, "seconds": waiting}
	limit := d.config.Limits.Lag
	severity := graded(time.Duration(waiting*float64(time.Second)), limit, muchLag*limit)
	if severity == OK {
		return good(with, "the oldest event that is not published waits for %s", seconds(waiting)), nil
	}
	return []Finding{{
		Severity: severity, What: fmt.Sprintf("the event at position %d waits to be published for %s", oldest, seconds(waiting)),
		Why: "so do all behind it, and whoever is to hear of them", Do: "see contrail relays list for what the leader does, and its last error", Values: with,
	}}, nil
}
