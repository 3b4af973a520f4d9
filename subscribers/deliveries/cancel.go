package deliveries

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ReasonByPerson says that a person has cancelled it: see [Cancel].
const ReasonByPerson Reason = "by_person"

// Cancel decides that a delivery shall not be sent, or not any more. One that is pending or failed is cancelled at once. One of which an
// attempt is under way can't be called back: it is cancelled when that attempt is over, unless it succeeds. One that has ended stays
// what it is. What is cancelled can be sent after all, see [Redrive].
//
// Errors, and db, are as those of Redrive.
func Cancel(ctx context.Context, db Beginner, id uuid.UUID, order Order) (Decided, error) {
	return decision{"cancel", cancel}.decide(ctx, db, id, order)
}

const (
	cancelSQL = `UPDATE contrail.deliveries SET state = 'cancelled', reason = 'by_person', due_at = NULL, claimed_by = '', claimed_until = NULL,
		changed_at = clock_timestamp() WHERE id = $1`

	cancelLaterSQL = `UPDATE contrail.deliveries SET cancelling = 'by_person', changed_at = clock_timestamp() WHERE id = $1`
)

func cancel(ctx context.Context, tx pgx.Tx, r locked, order Order) (Decided, error) {
	statement, what := cancelSQL, EntryCancelled
	told := Decided{After: Cancelled, Changed: true, Done: true, DuplicateRisk: r.DuplicateRisk, Text: "is cancelled"}
	switch r.Standing {
	case StandingDue, StandingClaimed, StandingWaiting, StandingHeld:
	case StandingEnded:
		return unchanged(r, r.State != Succeeded, "is %s already", r.State)
	case StandingRunning, StandingStuck:
		if r.Cancelling != "" {
			return unchanged(r, true, "is being cancelled already: %s", r.Cancelling)
		}
		statement, what, told.After = cancelLaterSQL, EntryCancelling, r.State
		told.Text = fmt.Sprintf("is cancelled unless attempt %d succeeds, which may take until %s", r.Attempts, clock(r.Last.LeaseUntil))
		if r.Standing == StandingStuck {
			told.Text = fmt.Sprintf("is cancelled as soon as attempt %d is recovered, of which nobody knows whether it took effect", r.Attempts)
		}
	}
	if _, err := tx.Exec(ctx, statement, r.ID); err != nil {
		return Decided{}, err //nolint:wrapcheck // decide wraps it
	}
	return told, note(ctx, tx, r.ID, what, order)
}
