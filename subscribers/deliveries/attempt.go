package deliveries

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/sanitize"
)

// Attempt begins d if it is due, calls adapter and completes the attempt, and tells what became of it. Zero fields of policy are the ledger's for the
// channel. The error is not the adapter's, which is in the result, but says that the ledger could not do its part: nothing was called, or, if the result is Begun, the outcome could not be
// written, and the attempt becomes ambiguous when its lease is over.
//
// When ctx ends, the call's ctx does; what follows the call is written nevertheless.
func (l *Ledger) Attempt(ctx context.Context, d Due, adapter Adapter, policy Policy) (Result, error) {
	if adapter == nil {
		return Result{}, fmt.Errorf("attempt delivery %s: the adapter is nil", d.Delivery.ID)
	}
	policy = policy.over(l.config.policy(d.Delivery.Channel))
	if err := policy.validate(); err != nil {
		return Result{}, fmt.Errorf("attempt delivery %s: deliveries.Policy: %w", d.Delivery.ID, err)
	}
	return l.attempt(ctx, d, adapter, policy)
}

// attempt does the same with a policy that is complete. The result is empty if this ledger has the delivery in hand already.
func (l *Ledger) attempt(ctx context.Context, d Due, adapter Adapter, policy Policy) (Result, error) {
	if !l.hands.take(d.Delivery.ID) {
		return Result{}, nil
	}
	defer l.hands.drop(d.Delivery.ID)
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("attempt delivery %s: %w", d.Delivery.ID, err)
	}
	// What was begun is called: a ctx that ends in between would leave an attempt of which nobody knows.
	beginning, cancel := context.WithTimeout(context.WithoutCancel(ctx), margin/2)
	defer cancel()
	attempt, result, err := l.begin(beginning, d, policy)
	if err != nil || attempt == nil {
		return result, err
	}
	return l.perform(ctx, attempt, adapter, policy)
}

// perform calls the adapter for an attempt that is begun, and completes it.
func (l *Ledger) perform(ctx context.Context, attempt *begun, adapter Adapter, policy Policy) (Result, error) {
	var a answer
	switch {
	case attempt.fault != nil:
		a.err = contrail.Permanent(attempt.fault)
	case attempt.isOld(policy):
		a.err = Temporary(errHeldUp)
	default:
		a = call(ctx, adapter, attempt.Delivery, policy, func(late answer) { l.late(ctx, attempt, policy, late) })
	}
	v := judge(a, policy, attempt.counted, attempt.last)
	result := Result{
		Begun: true, Attempt: attempt.Attempt, Outcome: v.outcome, Class: v.class, Duration: a.took, Err: a.err,
		Receipt: Receipt{ID: sanitize.Text(a.receipt.ID, 0), Response: sanitize.Text(a.receipt.Response, 0)},
	}
	var became completed
	err := l.persist(ctx, attempt.until, func(ctx context.Context) (err error) {
		became, err = l.completeRow(ctx, l.db, attempt.key(), v, a)
		return err
	})
	if err != nil {
		return result, fmt.Errorf("complete attempt %d of delivery %s, which becomes ambiguous at %s: %w",
			attempt.Attempt, attempt.ID, attempt.until.Format(time.RFC3339), explain(err))
	}
	result.State, result.Reason, result.Due, result.Late = became.state, became.reason, became.due, became.late
	l.logResult(ctx, attempt, result)
	return result, nil
}

// late keeps what an adapter says that was given up.
func (l *Ledger) late(ctx context.Context, attempt *begun, policy Policy, a answer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	_, err := l.completeRow(ctx, l.db, attempt.key(), judge(a, policy, attempt.counted, attempt.last), a)
	l.logLate(ctx, attempt, err)
}

// completeSQL is explained where the function is made, by migration 00013.
const completeSQL = `SELECT state, reason, due, late FROM
  contrail.delivery_complete($1, $2, $3, $4, $5, $6, $7, $8, $9::interval, $10, $11, $12::interval, $13)`

// completed is where a delivery stands behind an attempt.
type completed struct {
	state  State
	reason Reason
	due    time.Time
	late   bool // the attempt was ambiguous by then
}

// attemptKey names an attempt.
type attemptKey struct {
	delivery uuid.UUID
	number   int
}

func (b *begun) key() attemptKey { return attemptKey{b.ID, b.Attempt} }

func (l *Ledger) completeRow(ctx context.Context, db Querier, key attemptKey, v verdict, a answer) (completed, error) {
	var state, reason string
	var due *time.Time
	var late bool
	err := db.QueryRow(ctx, completeSQL, key.delivery, key.number, l.process, string(v.outcome), string(v.class), v.text,
		sanitize.Text(a.receipt.Response, 0), sanitize.Text(a.receipt.ID, 0), a.took.Round(time.Microsecond),
		string(v.state), string(v.reason), v.delay, v.risk).Scan(&state, &reason, &due, &late)
	if errors.Is(err, pgx.ErrNoRows) { // it is deleted
		return completed{late: true}, nil
	}
	if err != nil {
		return completed{}, err //nolint:wrapcheck // the callers do
	}
	became := completed{state: State(state), reason: Reason(reason), late: late}
	if due != nil {
		became.due = *due
	}
	return became, nil
}
