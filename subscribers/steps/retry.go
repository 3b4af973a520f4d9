package steps

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Each changes one row, that [give] has locked, and leaves its lock as it is: nobody holds it, or the lease has ended.
const (
	hastenSQL = `UPDATE contrail.runs SET due_at = now(), failures = 0, changed_at = clock_timestamp() WHERE id = $1`

	unhaltSQL = `UPDATE contrail.runs SET state = CASE ends_as WHEN '' THEN 'ready' ELSE 'compensating' END, due_at = now(), failures = 0,
		reason = CASE ends_as WHEN '' THEN '' ELSE reason END, changed_at = clock_timestamp() WHERE id = $1`

	// reviveSQL has a failed run go on at a step. What that had returned before is gone.
	reviveSQL = `UPDATE contrail.runs SET state = 'ready', ends_as = '', step = $2, round = 0, list = NULL, retrying = true, reason = '', due_at = now(),
		failures = 0, changed_at = clock_timestamp(), ended_at = NULL WHERE id = $1`

	// failureSQL tells at which step a run has failed, whether anything of that one is committed, and what was undone, by the log's primary key.
	failureSQL = `WITH log AS (SELECT step, what, number FROM contrail.run_log WHERE run = $1),
		failed AS (SELECT step FROM log WHERE what = 'failed' ORDER BY number DESC LIMIT 1)
		SELECT coalesce((SELECT step FROM failed), ''),
			EXISTS (SELECT FROM log, failed WHERE log.step = failed.step AND log.what IN ('repeated', 'waiting', 'halted', 'listed', 'element')),
			EXISTS (SELECT FROM log WHERE what IN ('undone', 'abandoned'))`
)

// Retry has a run go on now, at the wish of a person, and counts its failures anew:
//
//   - a halted one with the step that has halted it, or with undoing the step whose undo has;
//   - one that waits, for a time, for other runs or to be tried again, at once: a [Sleep] is over, [Await] looks again, and a step that has returned
//     [Wait] is performed once more;
//   - a failed one with the step that has failed, if nothing was undone and nothing of that step is committed; what earlier steps had returned as the
//     result is gone. Otherwise that would do things twice: begin another run, with another key, or purge this one.
//
// One that is being performed, has finished or was cancelled stays as it is; that is no error, the outcome tells. db may be a transaction. The error wraps
// [ErrNotFound].
func Retry(ctx context.Context, db Beginner, key string, order Order) (Outcome, error) {
	return verb{"retry", func(ctx context.Context, tx pgx.Tx, r Record) (change, error) {
		switch {
		case r.Status == Failed:
			return r.revive(ctx, tx)
		case r.Status.Ended():
			return r.stays(false, fmt.Sprintf("has %s, and does not go on", past(r.Status))), nil
		case r.Performing:
			return r.stays(false, fmt.Sprintf("is being performed by %s, and needs no retry", r.LockedBy)), nil
		case r.Status == Halted && r.EndsAs != "":
			return r.becomes(Compensating, fmt.Sprintf("goes on with undoing step %q", r.StepName()), noteRetried, unhaltSQL), nil
		case r.Status == Halted:
			return r.becomes(Ready, fmt.Sprintf("goes on with step %q", r.StepName()), noteRetried, unhaltSQL), nil
		}
		return r.becomes(r.Status, "is due now", noteRetried, hastenSQL), nil
	}}.give(ctx, db, key, order)
}

// revive looks whether a failed run can go on at its step.
func (r Record) revive(ctx context.Context, tx pgx.Tx) (change, error) {
	var name string
	var partly, undone bool
	if err := tx.QueryRow(ctx, failureSQL, r.ID).Scan(&name, &partly, &undone); err != nil {
		return change{}, err //nolint:wrapcheck // give does
	}
	at := slices.Index(r.Steps, name)
	const instead = "; begin another run with another key, or purge this one"
	switch {
	case undone:
		return r.stays(false, "has failed, and steps of it were undone: they can't be performed again"+instead), nil
	case at < 0:
		return r.stays(false, "has failed, and its log does not tell where"+instead), nil
	case partly:
		return r.stays(false, fmt.Sprintf("has failed in step %q, of which a part is done: that can't be taken up again%s", name, instead)), nil
	}
	return r.becomes(Ready, fmt.Sprintf("goes on with step %q, at which it has failed", name), noteRetried, reviveSQL, at), nil
}

// past completes "has …".
func past(status Status) string {
	if status == Cancelled {
		return "been cancelled"
	}
	return string(status)
}
