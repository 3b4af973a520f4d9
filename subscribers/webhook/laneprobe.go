package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// makeDueSQL locks one row, if the delivery waits for nothing but its next attempt.
const makeDueSQL = `UPDATE contrail.deliveries SET due_at = clock_timestamp(), changed_at = clock_timestamp()
	WHERE id = $1 AND state = 'failed' AND due_at > clock_timestamp()`

// firstSQL reads by the primary key of the attempts: the first of those that count, behind those that a person has forgiven.
const firstSQL = `SELECT started_at FROM contrail.delivery_attempts WHERE delivery = $1 AND number = $2`

// probe tries the oldest delivery if it is time, while the circuit is open. It returns when there may be something to do again.
func (l *lane) probe(ctx context.Context, now time.Time) (next time.Time) {
	switch {
	case len(l.window.running) > 0:
		return now.Add(never) // how that ends tells
	case now.Before(l.health.probeAt):
		return l.health.probeAt
	}
	l.window.serial = l.held().Concurrency == 1
	due, policy, found, err := l.nextProbe(ctx, now)
	if err != nil {
		l.complain(ctx, err)
		return now.Add(afterward)
	}
	if !found {
		if len(l.window.waiting) > 0 { // for another process, or for what a rule says
			return now.Add(afterward)
		}
		return now.Add(never)
	}
	l.log.DebugContext(ctx, "probing an endpoint whose circuit is open", slog.String("endpoint", l.held().ID.String()))
	l.begin(ctx, due, policy, true)
	return now.Add(never)
}

// nextProbe returns the oldest delivery, which is due from now on, and how it is tried: its probes alone don't use up its attempts.
func (l *lane) nextProbe(ctx context.Context, now time.Time) (due deliveries.Due, policy deliveries.Policy, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if err := l.read(ctx, now, true); err != nil {
		return deliveries.Due{}, deliveries.Policy{}, false, err
	}
	due, found = l.window.next()
	if !found {
		return deliveries.Due{}, deliveries.Policy{}, false, nil
	}
	held := l.held()
	policy = l.config.policy(held.Endpoint)
	if due.Counted+1 >= held.MaxAttempts {
		last := due.Counted + 1
		var first time.Time
		err := l.pool.QueryRow(ctx, firstSQL, due.Delivery.ID, due.Delivery.Attempt-due.Counted).Scan(&first)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			l.window.settle(due, true, time.Time{})
			return deliveries.Due{}, deliveries.Policy{}, false, fmt.Errorf("read the first attempt of delivery %s: %w", due.Delivery.ID, err)
		}
		if now.Sub(first) < l.config.span(held.MaxAttempts) {
			last = -1
		}
		policy.MaxAttempts = last
	}
	if due.At.After(now) {
		if _, err := l.pool.Exec(ctx, makeDueSQL, due.Delivery.ID); err != nil {
			l.window.settle(due, true, time.Time{})
			return deliveries.Due{}, deliveries.Policy{}, false, fmt.Errorf("probe with delivery %s: %w", due.Delivery.ID, err)
		}
	}
	return due, policy, true, nil
}
