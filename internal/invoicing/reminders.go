package invoicing

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// RemindersWorkflow is the name of the workflow that reminds of an invoice.
const RemindersWorkflow = "invoice-reminders"

// ReminderKey is the key of an invoice's run.
func ReminderKey(invoiceID string) string { return "reminders/" + invoiceID }

// reminderArgs are what a run is begun with: they follow from the invoice's own events, so that they are the same whoever begins it.
type reminderArgs struct {
	TenantID  string    `json:"tenant_id"`
	InvoiceID string    `json:"invoice_id"`
	OverdueAt time.Time `json:"overdue_at"` // from when on it is overdue
}

// What a run keeps.
const (
	keySettled = "settled" // why nobody is reminded any more
	keyDoneAt  = "done_at" // when the latest step was done
)

// reminders is the workflow: a reminder, another one, and a mark. A payment cancels it; but each step looks first whether the invoice is still to be paid, so
// that nobody who has paid is reminded because the event of it is still on its way.
func (n *Notifications) reminders() steps.Workflow {
	delays := n.config.Reminders
	return steps.Workflow{Name: RemindersWorkflow, Steps: []steps.Step{
		steps.SleepUntil("until it is overdue", func(run *steps.State) (time.Time, error) {
			args, err := steps.Args[reminderArgs](run)
			return args.OverdueAt.Add(delays.First), err
		}),
		steps.Tx("first reminder", n.unlessSettled(n.remind(ChannelReminder, firstSQL))),
		steps.SleepUntil("until the second reminder", after(delays.Second)),
		steps.Tx("second reminder", n.unlessSettled(n.remind(ChannelSecondReminder, secondSQL))),
		steps.SleepUntil("until it is marked", after(delays.Mark)),
		steps.Tx("mark", n.unlessSettled(mark)),
	}}
}

// begin begins an invoice's run in the caller's transaction, unless it was begun before.
func (n *Notifications) begin(ctx context.Context, tx pgx.Tx, found issuedInvoice) error {
	args := reminderArgs{TenantID: found.TenantID, InvoiceID: found.ID, OverdueAt: overdueAt(found)}
	return n.worker.Start(ctx, tx, RemindersWorkflow, ReminderKey(found.ID), args)
}

// overdueAt is the end of the due date, or when the invoice was recorded as issued if that is later: who gets an old invoice is not reminded of it at once.
func overdueAt(found issuedInvoice) time.Time {
	issued := found.issue.RecordedAt.UTC()
	due, err := time.Parse(time.DateOnly, found.State.DueDate.String())
	if end := due.AddDate(0, 0, 1); err == nil && end.After(issued) { // one that a plain SQL writer left out is not the zero day
		return end
	}
	return issued
}
