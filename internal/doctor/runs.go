package doctor

import (
	"context"
	"fmt"
)

// By the indexes runs_list (state, …) and runs_ended: what waits for a person, and what has failed since yesterday, up to so many.
const runsSQL = `SELECT
	(SELECT count(*) FROM (SELECT FROM contrail.runs WHERE state = 'halted' LIMIT $1) halted),
	(SELECT count(*) FROM (SELECT FROM contrail.runs WHERE state = 'failed' AND ended_at > clock_timestamp() - interval '1 day' LIMIT $1) failed)`

func checkRuns(ctx context.Context, d *Doctor) ([]Finding, error) {
	var halted, failed int64
	if err := d.pool.QueryRow(ctx, runsSQL, mostCounted).Scan(&halted, &failed); err != nil {
		return nil, fmt.Errorf("count runs that wait or have failed: %w", err)
	}
	with := values{"halted": halted, "failed": failed}
	var found []Finding
	if halted > 0 {
		found = append(found, Finding{
			Severity: Warning, What: atMost(halted) + " runs are halted", Why: "they stand in the middle of their steps until a person decides",
			Do: "contrail runs list --state halted, then retry or cancel", Values: with,
		})
	}
	if failed > 0 {
		found = append(found, Finding{
			Severity: Warning, What: atMost(failed) + " runs have failed since yesterday", Why: "what they were to do is not done, and what could be undone is",
			Do: "contrail runs list --state failed", Values: with,
		})
	}
	return orGood(found, with, "no run waits for a person, or has failed since yesterday"), nil
}
