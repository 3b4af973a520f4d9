package steps

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Each changes one row, that [give] has locked, and fences who performs the run: its token is passed. cancelSQL leaves the lock where it is: nothing is undone before
// the former holder lets go, or its lease has ended, as renewals go that had the token before. endSQL makes those due that wait for the run, but for
// those that somebody has locked at the moment: they look by themselves; it relies on the index runs_awaits.
const (
	cancelSQL = `UPDATE contrail.runs AS r SET state = 'cancelling', ends_as = 'cancelled', reason = $2, retrying = retrying OR locked_until IS NOT NULL,
		failures = 0, error = '', due_at = now(), awaits = '{}', token = token + 1, changed_at = clock_timestamp(),
		locked_until = greatest(locked_until, (SELECT l.until FROM contrail.run_leases AS l WHERE l.run = r.id AND l.token = r.token AND r.locked_until IS NOT NULL))
		WHERE id = $1`

	endSQL = `WITH ended AS (
			UPDATE contrail.runs SET state = CASE ends_as WHEN '' THEN 'cancelled' ELSE ends_as END,
				ends_as = CASE ends_as WHEN '' THEN 'cancelled' ELSE ends_as END, reason = CASE ends_as WHEN '' THEN $2 ELSE reason END,
				list = NULL, due_at = NULL, awaits = '{}', locked_by = '', locked_until = NULL, token = token + 1,
				changed_at = clock_timestamp(), ended_at = clock_timestamp() WHERE id = $1 RETURNING key
		) UPDATE contrail.runs SET due_at = now() WHERE id IN (
			SELECT r.id FROM contrail.runs AS r, ended
			WHERE r.awaits <> '{}' AND r.ended_at IS NULL AND r.awaits @> ARRAY[ended.key] AND r.state = 'waiting' FOR UPDATE OF r SKIP LOCKED)`
)

// What the log says of orders.
const (
	noteCancelled = "cancelled"
	noteAbandoned = "abandoned"
	noteRetried   = "retried"
)

// Cancel ends a run before it has finished: what its steps have done is undone by their Undo, the last one first, and then it is cancelled. A worker of its workflow does
// that at once, or for a run without one whoever calls [Run] with its key. Who performs the run at the moment commits nothing more of it ([ErrLockLost]); a
// [Call] that is under way has its ctx ended when that is noticed, and is undone when it has returned, or the lease of its process has ended.
//
// db may be a transaction, such as a handler's: then all this is so with its commit. A run that has never been performed is cancelled there and then. One that has ended
// stays as it is, and one that is being undone already goes on with that: neither is an error, the outcome tells. Runs that it awaits go on. A step can't cancel its own run
// with its transaction: let it return an error marked with contrail.Permanent.
//
// The error wraps [ErrNotFound] when there is no such run: where what begins it and what cancels it come in any order, begin it in both.
func Cancel(ctx context.Context, db Beginner, key string, order Order) (Outcome, error) {
	return verb{"cancel", func(_ context.Context, _ pgx.Tx, r Record) (change, error) {
		switch {
		case r.Status == Cancelled:
			return r.stays(true, "is cancelled already"), nil
		case r.Status.Ended():
			return r.stays(false, fmt.Sprintf("has %s already, at %s", r.Status, clock(*r.EndedAt))), nil
		case r.EndsAs == Cancelled:
			return r.stays(true, "is being cancelled already"), nil
		case r.EndsAs == Failed:
			return r.stays(false, "has failed, and is being undone already"), nil
		case r.locked:
			return r.becomes(Cancelling, "is cancelled as soon as its steps are undone", noteCancelled, cancelSQL, clean(order.Because)), nil
		}
		return r.becomes(Cancelled, "is cancelled", noteCancelled, endSQL, clean(order.Because)), nil
	}}.give(ctx, db, key, order)
}

// Abandon ends a run like [Cancel], but at once and with nothing more undone: for what nobody can undo any more, such as a run whose workflow is gone. A run
// that is being undone because a step has failed for good has failed then.
func Abandon(ctx context.Context, db Beginner, key string, order Order) (Outcome, error) {
	return verb{"abandon", func(_ context.Context, _ pgx.Tx, r Record) (change, error) {
		switch {
		case r.Status == Cancelled:
			return r.stays(true, "is cancelled already"), nil
		case r.Status.Ended():
			return r.stays(false, fmt.Sprintf("has %s already, at %s", r.Status, clock(*r.EndedAt))), nil
		case r.EndsAs == Failed:
			return r.becomes(Failed, "has failed, and nothing more is undone", noteAbandoned, endSQL, clean(order.Because)), nil
		}
		return r.becomes(Cancelled, "is cancelled, and nothing more is undone", noteAbandoned, endSQL, clean(order.Because)), nil
	}}.give(ctx, db, key, order)
}

func (r Record) stays(done bool, text string) change {
	return change{Outcome: Outcome{Status: r.Status, Done: done, Text: text}}
}

func (r Record) becomes(status Status, text, what, statement string, args ...any) change {
	return change{Outcome: Outcome{Status: status, Done: true, Text: text}, what: what, statement: statement, args: args}
}
