package deliveries

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// Deliver plans deliveries of an event and attempts what is due, one after another in this goroutine. It is for handlers without a transaction, which
// do without Run:
//
//	subscribers.Handle(sub, func(ctx context.Context, e contrail.Delivered[invoice.Issued]) error {
//		return ledger.Deliver(ctx, deliveries.From(e), deliveries.Target{Channel: "mail", Recipient: "contact-42"})
//	})
//
// It returns nil when all have ended, whether they succeeded, were suppressed or given up, and for those that are held for a person: the event is done with.
// Otherwise the error is a [contrail.RetryAfter], until the first of them is due; the message comes back then, and Deliver goes on where it was. It wraps what
// adapters returned that says nothing of itself, and their panics. There are never more attempts than [Policy.MaxAttempts], so give the subscription a
// MaxDeliver well above that: deferred deliveries use up messages, too. What the subscription gives up before is left for Run, or a person.
func (l *Ledger) Deliver(ctx context.Context, event Event, targets ...Target) error {
	if err := l.deliver(ctx, event, targets); err != nil {
		return fmt.Errorf("deliver event %s for %s: %w", event.ID, l.config.Consumer, err)
	}
	return nil
}

func (l *Ledger) deliver(ctx context.Context, event Event, targets []Target) error {
	for i, target := range targets {
		if target.Lane != "" {
			return fmt.Errorf("target %d has lane %q: deliveries of lanes are for who holds the lane", i, target.Lane)
		}
		if l.config.adapter(target.Channel) == nil {
			return fmt.Errorf("target %d: there is no adapter for channel %q (Config.Adapters)", i, target.Channel)
		}
	}
	err := pgx.BeginTxFunc(ctx, l.db, readCommitted(), func(tx pgx.Tx) error {
		if err := l.plan(ctx, tx, event, targets); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, claimEventSQL, l.config.Consumer, event.ID, l.process, claimTime)
		return explain(err)
	})
	if err != nil {
		return err //nolint:wrapcheck // the caller does
	}
	var next time.Time
	var failures []error
	for _, target := range targets {
		due, failure := l.deliverTo(ctx, event, target)
		if failure != nil {
			failures = append(failures, failure)
		}
		if !due.IsZero() && (next.IsZero() || due.Before(next)) {
			next = due
		}
	}
	failure := errors.Join(failures...)
	switch {
	case next.IsZero():
		return failure
	case failure == nil:
		failure = fmt.Errorf("deliveries are due again at %s", next.Format(time.RFC3339))
	}
	return contrail.RetryAfter(max(time.Until(next), 0), failure)
}

// deliverTo attempts one of them if it is due, and returns when it is due again; zero: it has ended, or is held. The error is what is to be raised.
func (l *Ledger) deliverTo(ctx context.Context, event Event, target Target) (time.Time, error) {
	due, err := l.lookUp(ctx, event, target)
	if err == nil && due.State == Dispatched && !due.until.After(time.Now()) {
		if _, err = Recover(ctx, l.db, RecoverOptions{Delivery: due.Delivery.ID, By: l.process, Because: leaseOver}); err == nil {
			due, err = l.lookUp(ctx, event, target)
		}
	}
	switch {
	case err != nil:
		return time.Time{}, err
	case due.State == Dispatched: // somebody else has it in hand
		return later(due.until, time.Now()).Add(time.Second), nil
	case due.State.Ended(), due.At.IsZero(), due.At.After(time.Now()):
		return due.At, nil
	}
	result, err := l.attempt(ctx, due.Due, l.config.adapter(target.Channel), l.config.policy(target.Channel))
	switch {
	case err != nil:
		return time.Time{}, err
	case result.State == "": // somebody else has it in hand
		return time.Now().Add(time.Second), nil
	case result.Class == ClassUnknown && result.Due.IsZero(): // recorded, given up, and acknowledged therefore
		return time.Time{}, nil
	case result.Class == ClassUnknown:
		return due.here(result.Due), fmt.Errorf("attempt %d of delivery %s: %w", result.Attempt, due.Delivery.ID, result.Err)
	}
	return due.here(result.Due), nil
}

// claimEventSQL keeps a dispatcher from what is about to be attempted here. It relies on deliveries_key.
const claimEventSQL = `UPDATE contrail.deliveries SET claimed_by = $3, claimed_until = now() + $4::interval
WHERE consumer = $1 AND event = $2 AND lane = '' AND state IN ('pending', 'failed') AND due_at <= clock_timestamp()
  AND (claimed_until IS NULL OR claimed_until <= now())`

// lookUpSQL relies on deliveries_key, and on the primary keys.
const lookUpSQL = `SELECT ` + dueColumns + `, coalesce(a.lease_until, now()), clock_timestamp()
FROM contrail.deliveries AS d JOIN contrail.delivery_events AS e ON (e.consumer, e.id) = (d.consumer, d.event)
LEFT JOIN contrail.delivery_attempts AS a ON a.delivery = d.id AND a.number = d.attempts
WHERE d.consumer = $1 AND d.event = $2 AND d.channel = $3 AND d.recipient = $4
ORDER BY d.round DESC LIMIT 1`

// lookedUp is where a delivery stands. Its times are those of this process's clock, which may differ from the database's.
type lookedUp struct {
	Due

	until time.Time     // how long its last attempt's process is taken for alive
	ahead time.Duration // of the database's clock: this one's
}

// here is a time of the database's as this process's clock shows it.
func (l lookedUp) here(at time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	return at.Add(l.ahead)
}

// lookUp returns where the newest delivery to a target stands.
func (l *Ledger) lookUp(ctx context.Context, event Event, target Target) (lookedUp, error) {
	wrap := func(err error) error {
		return fmt.Errorf("look up the delivery to %s: %w", target.Channel, explain(err))
	}
	rows, err := l.db.Query(ctx, lookUpSQL, l.config.Consumer, event.ID, target.Channel, target.Recipient)
	if err != nil {
		return lookedUp{}, wrap(err)
	}
	var until, moment time.Time
	due, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (Due, error) {
		return l.scanDue(withLast{row, []any{&until, &moment}})
	})
	if err != nil {
		return lookedUp{}, wrap(err)
	}
	found := lookedUp{Due: due, ahead: time.Since(moment)}
	found.At, found.until = found.here(due.At), found.here(until)
	return found, nil
}

// withLast is a row with more columns at its end.
type withLast struct {
	pgx.CollectableRow

	last []any
}

func (r withLast) Scan(dest ...any) error {
	return r.CollectableRow.Scan(append(dest, r.last...)...) //nolint:wrapcheck // it is the same row
}
