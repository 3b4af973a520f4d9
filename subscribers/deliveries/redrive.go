package deliveries

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Redrive has a delivery sent that has failed, is held, or has ended without success:
//
//   - One that is pending or failed is due at once, whatever it waits for, and what it has been tried before counts no more against
//     [Policy.MaxAttempts]. Rules are asked before it is begun.
//   - One that was suppressed or cancelled stays what it is; its event is sent to the same recipient as a new delivery, of the next round. That is
//     done once: who comes second is told of the new one.
//   - One that has succeeded is sent again only with [Order.Force], also as a new delivery, which has the risk of a duplicate.
//   - One of which an attempt is under way stays as it is.
//
// The error wraps [ErrNotFound] where there is no such delivery, or none in the order's scope. Either everything happens that is told, or,
// with an error, nothing. db may be a transaction, which Redrive never commits.
func Redrive(ctx context.Context, db Beginner, id uuid.UUID, order Order) (Decided, error) {
	return decision{"redrive", redrive}.decide(ctx, db, id, order)
}

func redrive(ctx context.Context, tx pgx.Tx, r locked, order Order) (Decided, error) {
	switch r.Standing {
	case StandingDue, StandingClaimed:
		return unchanged(r, true, "is due already")
	case StandingWaiting, StandingHeld:
		return tryNow(ctx, tx, r, order)
	case StandingRunning:
		return unchanged(r, false, "is being sent: attempt %d may take until %s", r.Attempts, clock(r.Last.LeaseUntil))
	case StandingStuck:
		return unchanged(r, false, "is to be recovered first: nobody knows whether attempt %d took effect", r.Attempts)
	case StandingEnded:
	}
	switch {
	case r.later != nil:
		return again(r)
	case r.State == Succeeded && !order.Force:
		return unchanged(r, false, "has succeeded, and would reach the recipient twice; force it if it shall")
	}
	return sendAgain(ctx, tx, r, order)
}

// A delivery stays failed, so that it can be begun; the attempts so far are forgiven.
const tryNowSQL = `UPDATE contrail.deliveries SET due_at = clock_timestamp(), forgiven = attempts, changed_at = clock_timestamp() WHERE id = $1`

func tryNow(ctx context.Context, tx pgx.Tx, r locked, order Order) (Decided, error) {
	if _, err := tx.Exec(ctx, tryNowSQL, r.ID); err != nil {
		return Decided{}, err //nolint:wrapcheck // decide wraps it
	}
	text := "is due now"
	if r.DuplicateRisk {
		text += ", and may reach the recipient twice"
	}
	told := Decided{After: r.State, Changed: true, Done: true, DuplicateRisk: r.DuplicateRisk, Text: text}
	return told, note(ctx, tx, r.ID, EntryRedriven, order)
}

// It relies on deliveries_key: there is one delivery of each round.
const sendAgainSQL = `INSERT INTO contrail.deliveries (id, consumer, event, channel, recipient, round, tenant, lane, due_at, duplicate_risk)
	SELECT $2, consumer, event, channel, recipient, round + 1, tenant, lane, clock_timestamp(), duplicate_risk OR state = 'succeeded'
	FROM contrail.deliveries WHERE id = $1 RETURNING duplicate_risk`

func sendAgain(ctx context.Context, tx pgx.Tx, r locked, order Order) (Decided, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Decided{}, fmt.Errorf("make an id: %w", err)
	}
	told := Decided{After: r.State, Changed: true, Done: true, Becomes: id, Text: fmt.Sprintf("is sent again as delivery %s", id)}
	if err := tx.QueryRow(ctx, sendAgainSQL, r.ID, id).Scan(&told.DuplicateRisk); err != nil {
		return Decided{}, err //nolint:wrapcheck // decide wraps it
	}
	if told.DuplicateRisk {
		told.Text += ", and may reach the recipient twice"
	}
	if err := note(ctx, tx, r.ID, EntryRedriven, order); err != nil {
		return Decided{}, err
	}
	return told, note(ctx, tx, id, EntryRedriven, order)
}

// again tells of what somebody has done before.
func again(r locked) (Decided, error) {
	failed := r.later.State == Suppressed || r.later.State == Cancelled
	told, _ := unchanged(r, !failed, "was sent again already, as delivery %s, which is %s", r.later.ID, r.later.State)
	told.Becomes = r.later.ID
	if failed {
		told.Text += "; redrive that one"
	}
	return told, nil
}
