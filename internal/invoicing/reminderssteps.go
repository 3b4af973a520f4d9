package invoicing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// after is the time when a delay since the latest step is over, or none at all once the invoice is settled.
func after(delay time.Duration) func(run *steps.State) (time.Time, error) {
	return func(run *steps.State) (time.Time, error) {
		_, settled, err := steps.Get[string](run, keySettled)
		if settled || err != nil {
			return time.Time{}, err
		}
		doneAt, _, err := steps.Get[time.Time](run, keyDoneAt)
		return doneAt.Add(delay), err
	}
}

// step is what a run does about an invoice that is to be paid. It returns when it did.
type step func(ctx context.Context, tx pgx.Tx, run *steps.State, found issuedInvoice) (time.Time, error)

// unlessSettled does a step if the invoice is still to be paid. Otherwise the run comes to its end: no later step does anything, and none waits.
func (n *Notifications) unlessSettled(do step) func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
	return func(ctx context.Context, tx pgx.Tx, run *steps.State) error {
		if _, settled, err := steps.Get[string](run, keySettled); settled || err != nil {
			return err
		}
		args, err := steps.Args[reminderArgs](run)
		if err != nil {
			return err
		}
		found, err := n.aggregates.invoice(ctx, tx, tenantsID{args.TenantID, args.InvoiceID})
		if err != nil {
			return fmt.Errorf("read invoice %s: %w", args.InvoiceID, err)
		}
		if reason := settledBy(found.State); reason != "" {
			return errors.Join(run.Set(keySettled, reason), run.Return(reason))
		}
		doneAt, err := do(ctx, tx, run, found)
		if err != nil {
			return err
		}
		return run.Set(keyDoneAt, doneAt)
	}
}

// settledBy is why nobody has to pay an invoice; "": somebody has.
func settledBy(state invoice.State) string {
	switch {
	case !state.DeletedAt.IsZero():
		return "deleted"
	case state.Status != invoice.StatusIssued:
		return string(state.Status)
	}
	return ""
}

// remind plans the mail with the step's transaction, and notes when. The mail is about the event that issued the invoice: the ledger has had it since then, from the broker, unless it was
// purged meanwhile.
func (n *Notifications) remind(channel, noteSQL string) step {
	return func(ctx context.Context, tx pgx.Tx, _ *steps.State, found issuedInvoice) (time.Time, error) {
		event := deliveries.Event{Recorded: found.issue, Source: "/contrail"}
		if err := n.ledger.Plan(ctx, tx, event, deliveries.Target{Channel: channel, Recipient: recipientOf(found.State)}); err != nil {
			return time.Time{}, err
		}
		return note(ctx, tx, noteSQL, found)
	}
}

// mark hands the invoice to a person, who finds it among the overdue ones.
func mark(ctx context.Context, tx pgx.Tx, run *steps.State, found issuedInvoice) (time.Time, error) {
	if err := run.Return("marked"); err != nil {
		return time.Time{}, err
	}
	return note(ctx, tx, markSQL, found)
}

// note writes that a step was done.
func note(ctx context.Context, tx pgx.Tx, sql string, found issuedInvoice) (at time.Time, err error) {
	if err := tx.QueryRow(ctx, sql, found.ID, found.TenantID).Scan(&at); err != nil {
		return time.Time{}, fmt.Errorf("note what was done about invoice %s: %w", found.ID, err)
	}
	return at.UTC(), nil
}

// Each writes one row by its primary key, and tells when.
const (
	firstSQL = `INSERT INTO invoicing.reminders AS r (invoice_id, tenant_id, first_at) VALUES ($1, $2, now())
ON CONFLICT (invoice_id) DO UPDATE SET first_at = excluded.first_at RETURNING r.first_at`

	secondSQL = `INSERT INTO invoicing.reminders AS r (invoice_id, tenant_id, second_at) VALUES ($1, $2, now())
ON CONFLICT (invoice_id) DO UPDATE SET second_at = excluded.second_at RETURNING r.second_at`

	markSQL = `INSERT INTO invoicing.reminders AS r (invoice_id, tenant_id, marked_at) VALUES ($1, $2, now())
ON CONFLICT (invoice_id) DO UPDATE SET marked_at = excluded.marked_at RETURNING r.marked_at`
)
