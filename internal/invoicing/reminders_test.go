package invoicing_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/invoicing/mail"
	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// Nobody pays: a reminder, another one, and a mark.
func TestUnpaidIsRemindedTwiceAndMarked(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.config.Reminders = soon()
	o.open()
	id := o.issue()
	run := o.run(id, steps.Finished)
	require.JSONEq(t, `"marked"`, string(run.Result))
	require.Equal(t, invoicing.RemindersWorkflow, run.Workflow)
	require.Equal(t, actor.TenantID, run.Tenant)
	for _, channel := range []string{invoicing.ChannelInvoice, invoicing.ChannelReminder, invoicing.ChannelSecondReminder} {
		require.Equal(t, deliveries.Succeeded, o.ended(id, channel).State)
	}
	require.ElementsMatch(t, []string{
		"Invoice " + id + " from Tea & Söhne",
		"Reminder: invoice " + id + " from Tea & Söhne was due on 2021-02-14",
		"Second reminder: invoice " + id + " from Tea & Söhne was due on 2021-02-14",
	}, o.subjects())
	first, second, marked := o.reminders(id)
	require.Equal(t, [3]bool{true, true, true}, [3]bool{first, second, marked})

	o.pay(id) // late, but not too late for the run to stay what it came to
	o.handled(2)
	require.Equal(t, steps.Finished, o.run(id, steps.Finished).Status)
	require.Len(t, o.mails.all(), 3)
}

// Whoever pays in time is not reminded.
func TestPaidBeforeTheFirstReminder(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.open()
	id := o.issue()
	waiting := o.run(id, steps.Waiting)
	require.WithinDuration(t, time.Now().Add(24*time.Hour), *waiting.DueAt, time.Minute, "a day after an old invoice was issued")
	o.pay(id)
	require.Equal(t, "paid", o.run(id, steps.Cancelled).Reason)
	o.ended(id, invoicing.ChannelInvoice)
	require.Len(t, o.mails.all(), 1)
	first, _, _ := o.reminders(id)
	require.False(t, first)
}

// The first reminder comes a day after the due date has ended, in UTC.
func TestFirstReminderIsDueByTheDueDate(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id, ahead := o.draft(), time.Now().UTC().AddDate(0, 0, 10)
	_, err := o.services.Invoices.Update(t.Context(), actor, id, domain.UpdateInvoice{DueDate: invoice.DateOf(ahead), LineItems: o.lines()})
	require.NoError(t, err)
	_, err = o.services.Invoices.Issue(t.Context(), actor, id)
	require.NoError(t, err)
	o.open()
	want := time.Date(ahead.Year(), ahead.Month(), ahead.Day()+2, 0, 0, 0, 0, time.UTC)
	require.Equal(t, want, *o.run(id, steps.Waiting).DueAt)
}

// Whoever pays after the first reminder is not reminded again; nor is who owes nothing any more.
func TestSettledBetweenTheReminders(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.config.Reminders = invoicing.RemindersConfig{First: time.Millisecond, Second: time.Hour}
	o.open()
	paid, void, deleted := o.issue(), o.issue(), o.issue()
	for _, id := range []string{paid, void, deleted} {
		require.Equal(t, deliveries.Succeeded, o.ended(id, invoicing.ChannelReminder).State)
		o.run(id, steps.Waiting)
	}
	o.pay(paid)
	_, err := o.services.Invoices.Void(t.Context(), actor, void)
	require.NoError(t, err)
	_, err = o.services.Invoices.Delete(t.Context(), actor, deleted)
	require.NoError(t, err)
	for id, reason := range map[string]string{paid: "paid", void: "voided", deleted: "deleted"} {
		require.Equal(t, reason, o.run(id, steps.Cancelled).Reason)
		first, second, marked := o.reminders(id)
		require.Equal(t, [3]bool{true, false, false}, [3]bool{first, second, marked})
	}
	require.Len(t, o.mails.all(), 6)
}

// The payment is handled before the invoice is: by another process, or because the relay has published it late.
func TestPaidIsHandledBeforeIssued(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.config.Reminders = soon()
	id := o.issue()
	o.pay(id)
	o.openWithoutRelay()
	o.publish(id, "InvoicePaid")
	o.handled(1)
	require.Equal(t, "paid", o.run(id, steps.Cancelled).Reason)
	o.publish(id, "InvoiceIssued")
	o.handled(2)
	require.Equal(t, deliveries.Succeeded, o.ended(id, invoicing.ChannelInvoice).State)
	require.Equal(t, steps.Cancelled, o.run(id, steps.Cancelled).Status)
	first, _, _ := o.reminders(id)
	require.False(t, first)
	require.Equal(t, []string{"Invoice " + id + " from Tea & Söhne"}, o.subjects())
}

// The event of the payment is still on its way when the run is looked at: it looks at the invoice itself, and comes to its end.
func TestPaidWithoutAWord(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.config.Reminders = soon()
	early := o.issue()
	o.pay(early)
	o.openWithoutRelay()
	o.publish(early, "InvoiceIssued")
	require.JSONEq(t, `"paid"`, string(o.run(early, steps.Finished).Result))
	first, _, _ := o.reminders(early)
	require.False(t, first)
	o.ended(early, invoicing.ChannelInvoice)
	require.Len(t, o.mails.all(), 1)
}

// Likewise between the reminders.
func TestPaidWithoutAWordBetweenTheReminders(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.config.Reminders = invoicing.RemindersConfig{First: time.Millisecond, Second: time.Hour, Mark: time.Hour}
	id := o.issue()
	o.openWithoutRelay()
	o.publish(id, "InvoiceIssued")
	o.ended(id, invoicing.ChannelReminder)
	o.pay(id)
	require.Eventually(t, func() bool { // the hour is over
		outcome, err := steps.Retry(t.Context(), o.pool, invoicing.ReminderKey(id), steps.Order{By: "tester", Because: "time flies"})
		return err == nil && outcome.Done
	}, patience, 5*time.Millisecond)
	require.JSONEq(t, `"paid"`, string(o.run(id, steps.Finished).Result))
	first, second, marked := o.reminders(id)
	require.Equal(t, [3]bool{true, false, false}, [3]bool{first, second, marked})
	require.Len(t, o.mails.all(), 2)
}

// It is paid when the reminder is planned, and the mail server was away for a moment.
func TestPaidBeforeTheReminderIsSent(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.config.Reminders = invoicing.RemindersConfig{First: time.Millisecond, Second: time.Hour}
	id := o.issue()
	o.mails.answer = func(message mail.Message) error {
		if !strings.HasPrefix(message.Subject, "Reminder: ") {
			return nil
		}
		_, err := o.services.Invoices.Pay(context.WithoutCancel(t.Context()), actor, id)
		return deliveries.Temporary(errors.Join(errors.New("451 come back later"), err))
	}
	o.openWithoutRelay()
	o.publish(id, "InvoiceIssued")
	record := o.ended(id, invoicing.ChannelReminder)
	require.Equal(t, deliveries.Suppressed, record.State)
	require.Equal(t, deliveries.Reason("invoice_paid"), record.Reason)
	require.Equal(t, 2, record.Attempts)
	require.Equal(t, []string{"Invoice " + id + " from Tea & Söhne"}, o.subjects())
}
