package steps

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// dueSQL locks runs that are due, those first that have been for longest. It walks through the index runs_due once for each workflow, and passes over rows that
	// others are about to lock. A run that was begun with other steps is left, for a while, to a worker that has those.
	dueSQL = `WITH found AS (
			SELECT r.id, r.locked_by, r.abandoned FROM unnest($3::text[]) AS w(name) CROSS JOIN LATERAL (
				SELECT r.id, r.locked_by, r.locked_until IS NOT NULL AS abandoned, r.due_at FROM contrail.runs AS r
				WHERE r.workflow = w.name AND r.due_at <= now() AND ` + free + `
					AND (to_jsonb(r.definition) = $5::jsonb -> w.name OR r.due_at < now() - make_interval(secs => $6))
				ORDER BY r.due_at LIMIT $4 FOR UPDATE OF r SKIP LOCKED
			) AS r ORDER BY r.due_at LIMIT $4
		)` + lockSQL + `SELECT ` + runColumns + ` FROM locked AS r ORDER BY r.due_at`

	// nextSQL tells in how many seconds the next timer is due, by the same index.
	nextSQL = `SELECT extract(epoch FROM min(next.due_at) - now())::float8 FROM unnest($1::text[]) AS w(name) CROSS JOIN LATERAL (
			SELECT r.due_at FROM contrail.runs AS r WHERE r.workflow = w.name AND r.due_at > now() ORDER BY r.due_at LIMIT 1
		) AS next`
)

const (
	mismatchGrace = 15 * time.Second // how long a run of other steps may be due before this worker has a look at it
	mismatchDelay = 5 * time.Minute  // and in how long the next one has
)

// due locks up to limit runs that are due. Each is to be given to perform or giveBack: its lease is running. Next is when to look again, at the latest.
func (w *Worker) due(ctx context.Context, limit int) (claimed []*performance, next time.Duration, err error) {
	asked, workflows := time.Now(), w.flows.names()
	batch := &pgx.Batch{}
	batch.Queue(dueSQL, w.config.Options.Process, w.config.Options.Lease.Seconds(), workflows, limit, w.asks, mismatchGrace.Seconds())
	batch.Queue(nextSQL, workflows)
	results := w.runner.pool.SendBatch(ctx, batch)
	rows, _ := results.Query()
	claimed, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*performance, error) {
		p := &performance{runner: w.runner, lockedAt: asked}
		return p, p.run.scan(row)
	})
	var seconds *float64
	if err == nil {
		err = results.QueryRow().Scan(&seconds)
	}
	if closed := results.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, 0, fmt.Errorf("claim runs: %w", unmigrated(err))
	}
	next = w.config.Poll
	if seconds != nil {
		next = min(next, time.Duration(max(*seconds, 0)*float64(time.Second)))
	}
	return claimed, next, nil
}
