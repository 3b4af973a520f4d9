package dashboard

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// journeyRun is a run that a handler of the event has begun.
type journeyRun struct {
	ID       uuid.UUID    `json:"id"`
	Key      string       `json:"key"`
	Workflow string       `json:"workflow"`
	Status   steps.Status `json:"state"`
	Awaits   []string     `json:"awaits,omitempty"` // the keys of the runs that it waits for
	Error    string       `json:"error,omitempty"`
	BeganAt  time.Time    `json:"began_at"`
}

// No index knows what a run was caused by, but a handler begins it soon after the event: the first two thousand of each state that were begun within a week
// are looked at, along the index runs_list.
const eventRunsSQL = `SELECT r.id, r.key, r.workflow, r.state, r.awaits, coalesce(nullif(r.error, ''), r.reason), r.began_at
	FROM unnest($3::text[]) AS s(state) CROSS JOIN LATERAL (
		SELECT * FROM contrail.runs WHERE state = s.state AND began_at >= $2 AND began_at < $2 + interval '7 days' ORDER BY began_at, id LIMIT 2000
	) AS r WHERE r.metadata->>'causation_id' = $1 ORDER BY r.began_at, r.id LIMIT 50`

// readEventRuns reads the runs that were begun with the event as their cause.
func (d *Dashboard) readEventRuns(ctx context.Context, event contrail.Recorded) ([]journeyRun, error) {
	states := steps.Statuses()
	rows, err := d.pool.Query(ctx, eventRunsSQL, event.ID.String(), event.RecordedAt.Add(-clockSlack), states)
	if err != nil {
		return nil, fmt.Errorf("look up runs of event %s: %w", event.ID, err)
	}
	runs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (journeyRun, error) {
		var r journeyRun
		err := row.Scan(&r.ID, &r.Key, &r.Workflow, &r.Status, &r.Awaits, &r.Error, &r.BeganAt)
		return r, err //nolint:wrapcheck // it is wrapped below
	})
	if err != nil {
		return nil, fmt.Errorf("look up runs of event %s: %w", event.ID, err)
	}
	return runs, nil
}
