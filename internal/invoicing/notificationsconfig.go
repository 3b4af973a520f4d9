package invoicing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/invoicing/mail"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// Mailer sends a mail. Its errors say what the ledger is to make of them, as those of a [deliveries.Adapter]; those of package mail do. It is used from several goroutines.
type Mailer interface {
	Send(ctx context.Context, message mail.Message) (deliveries.Receipt, error)
}

// NotificationsConfig says how contacts are told. Mailer and From are required.
type NotificationsConfig struct {
	Mailer Mailer          // sends the mails
	From   netmail.Address // who sends them; a name may be left out

	// Subscription is how events come in. Its Durable is the ledger's Consumer, too. Default: [NotificationsDurable], with an inbox in the
	// pool's database, and of the events those that matter here.
	Subscription subscribers.Config

	// Policy is how a mail is tried. Default: twelve times within a day, the second time after a minute, a minute for each. Where nobody knows whether it was sent a
	// person is asked (deliveries.Hold): a Mailer that takes a mail with the same key for the same mail may be given deliveries.Resend.
	Policy deliveries.Policy

	// Reminders says when contacts are reminded.
	Reminders RemindersConfig

	// Store reads the invoices and contacts that the mails are about. Default: one without keys.
	Store *eventstore.Store
}

// RemindersConfig says when contacts are reminded. Each time is at least 1 ms. A change holds for what is still to come, also of runs that were begun before.
type RemindersConfig struct {
	// First is the time from the end of the due date, in UTC, to the first reminder; of an invoice that was issued later, from then. Default: 24 h.
	First time.Duration

	// Second is the time from the first reminder to the second one. Default: 168 h.
	Second time.Duration

	// Mark is the time from the second reminder until the invoice is marked. Default: 168 h.
	Mark time.Duration
}

const (
	mailTimeout   = time.Minute
	mailAttempts  = 12
	usualDelay    = 24 * time.Hour // until the first reminder
	usualPatience = 7 * usualDelay // with what follows it
	leastDelay    = time.Millisecond
)

// mailSchedule is how long a mail waits after each failure: what is wrong with a server is over in a minute, or by tomorrow.
func mailSchedule() []time.Duration {
	return []time.Duration{
		time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour,
	}
}

func (c NotificationsConfig) withDefaults(pool *pgxpool.Pool) NotificationsConfig {
	sub := &c.Subscription
	sub.Durable = cmp.Or(sub.Durable, NotificationsDurable)
	sub.Stream = cmp.Or(sub.Stream, wire.DefaultStream)
	sub.DrainTimeout = cmp.Or(sub.DrainTimeout, 30*time.Second)
	if sub.Inbox == nil {
		sub.Inbox = subscribers.NewInbox(pool)
	}
	if len(sub.Filter)+len(sub.Categories)+len(sub.Types) == 0 {
		sub.Categories, sub.Types = []string{invoice.Category}, notifiedTypes()
	}
	c.Policy.MaxAttempts = cmp.Or(c.Policy.MaxAttempts, mailAttempts)
	c.Policy.Timeout = cmp.Or(c.Policy.Timeout, mailTimeout)
	if c.Policy.Backoff.Min == 0 && c.Policy.Backoff.Max == 0 && c.Policy.Backoff.Schedule == nil {
		c.Policy.Backoff.Schedule = mailSchedule()
	}
	c.Reminders.First = cmp.Or(c.Reminders.First, usualDelay)
	c.Reminders.Second = cmp.Or(c.Reminders.Second, usualPatience)
	c.Reminders.Mark = cmp.Or(c.Reminders.Mark, usualPatience)
	return c
}

// notifiedTypes are the events that matter: what makes an invoice due, and what settles it.
func notifiedTypes() []string {
	return []string{
		invoice.Issued{}.EventType(), invoice.Paid{}.EventType(), invoice.Voided{}.EventType(), invoice.Deleted{}.EventType(),
	}
}

// validate reports every fault at once, but for those that the subscription and the ledger find themselves. It expects the defaults to be filled in.
func (c NotificationsConfig) validate() error {
	var faults []error
	if c.Mailer == nil {
		faults = append(faults, fmt.Errorf("%s is required", "Mailer"))
	}
	if err := mail.CheckAddress(c.From); err != nil {
		faults = append(faults, fmt.Errorf("%s: %q is no address, such as invoices@example.org", "From", c.From.Address))
	}
	for _, delay := range []struct {
		field string
		value time.Duration
	}{{"First", c.Reminders.First}, {"Second", c.Reminders.Second}, {"Mark", c.Reminders.Mark}} {
		if delay.value < leastDelay {
			faults = append(faults, fmt.Errorf("%s.%s: %v is less than %v", "Reminders", delay.field, delay.value, leastDelay))
		}
	}
	return errors.Join(faults...)
}
