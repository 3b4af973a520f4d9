package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/contrail-events/contrail/internal/invoicing"
)

// subscribeVerb runs the worked example's consumers.
type subscribeVerb struct {
	brokerFlags
	keysFlag
	mailFlags
	telemetryFlags

	Parts []string `default:"projections,notifications,reminders,webhooks" enum:"projections,notifications,reminders,webhooks" help:"What this process runs: ${enum}. Other processes may run the rest."`

	Durable       string        `default:"invoice-notifications" help:"The subscription's durable consumer, and the name of its ledger; processes that share it share the work."`
	DeadLetters   string        `default:"DEADLETTERS" help:"The JetStream stream that takes dead letters; it is created if it is missing."`
	Concurrency   int           `default:"8" help:"Workers of each subscription, or of each of its partitions, each with a database connection at most."`
	MaxDeliver    int           `default:"8" help:"How often an event is delivered before it is a dead letter."`
	MaxAckPending int           `default:"2048" help:"Events in hand at a time, over all processes of a durable."`
	AckWait       time.Duration `default:"30s" help:"How long the events of a dead process wait to be delivered again."`
	InboxBatch    int           `default:"256" help:"Events in one transaction, at most."`
	Partitions    int           `default:"0" help:"Divide the events of each subscription into so many partitions, each with one active process, so that order is kept among processes; 0: don't."`

	ReminderFirst  time.Duration `default:"24h" help:"How long after the end of the due date, in UTC, a contact is reminded of an invoice; of one that was issued later, after that."`
	ReminderSecond time.Duration `default:"168h" help:"How long after that the contact is reminded again."`
	ReminderMark   time.Duration `default:"168h" help:"How long after that the invoice is marked, for a person to see to it."`

	WebhooksDurable string `default:"webhooks" help:"Whose endpoints InvoiceIssued, InvoicePaid and InvoiceVoided are posted to, as contrail webhooks add --durable says."`
	AllowPrivate    bool   `help:"Post to endpoints that were added with --allow-private in private networks, and on this machine."`

	HandlerTimeout time.Duration `default:"5m" help:"How long a handler may take for one event."`
	DrainTimeout   time.Duration `default:"30s" help:"How long handlers, mails and requests may still run after a signal."`
}

// Help teaches.
func (*subscribeVerb) Help() string {
	return `Runs what the worked example consumes, until SIGINT, SIGTERM or SIGHUP, in parts that --parts selects:

  projections    the read models invoice-summary, overdue and statement, each in global order
  notifications  the subscription invoice-notifications, which plans a mail when an invoice is issued and begins and cancels
                 the runs that remind of it; and the ledger, which sends the mails
  reminders      the runs: a reminder when an invoice is overdue, another one, then a mark; a payment ends them
  webhooks       posts InvoiceIssued, InvoicePaid and InvoiceVoided to the endpoints of "contrail webhooks add"

All of it is in the schema invoicing of the database, and in Contrail's own, so run "contrail migrate --example" first. It waits for
the stream, which the relay creates. When one part fails the others finish what they have begun, and it exits 1.

Look at the mails with "contrail deliveries list", at the reminders with "contrail runs list", at the read models with "contrail
projections list". A mail of which nobody knows whether a server has it is not sent again by itself: see "contrail deliveries list --held".
Give an endpoint's durable either to this verb or to "contrail webhooks run", which posts events of all types.

Your own subscribers are Go programs with the package subscribers; this verb shows one that works, in internal/invoicing.

Examples:

  contrail migrate --example && contrail subscribe
  contrail subscribe --mail dir:./mails --reminder-first 1m
  CONTRAIL_MAIL=smtp://app:secret@mail.example.org contrail subscribe --mail-from 'Billing <billing@example.org>'
  contrail subscribe --parts projections --log-level debug`
}

// Run consumes until ctx ends.
func (v *subscribeVerb) Run(ctx context.Context, a *app) error {
	if err := v.check(); err != nil {
		return err
	}
	mailing, err := v.mailing(a)
	if err != nil {
		return err
	}
	endTelemetry, err := v.startTelemetry(ctx, a)
	if err != nil {
		return err
	}
	defer endTelemetry()
	pool, err := a.openStore(ctx, v.connections())
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := a.inTime(ctx, func(ctx context.Context) error { return invoicing.Check(ctx, pool) }); err != nil {
		return err
	}
	config, err := v.config(a, pool, mailing)
	if err != nil {
		return err
	}
	js, closeNATS, err := a.openJetStream(ctx, v.brokerFlags)
	if err != nil {
		return err
	}
	defer closeNATS()
	consuming, err := newConsumers(js, pool, config)
	if err != nil {
		return misconfigured(err)
	}
	endTelling, err := v.tell(ctx, a, consuming, pool, js)
	if err != nil {
		return err
	}
	defer endTelling()
	a.telemetry.Health().Begin()
	err = consuming.run(ctx)
	stats, posts := consuming.stats()
	a.log.InfoContext(ctx, "stopped", slog.Int64("handled", stats.Handled), slog.Int64("duplicates", stats.Duplicates),
		slog.Int64("posts_planned", posts.Handled), slog.Int64("dead_lettered", stats.DeadLettered+posts.DeadLettered))
	return err
}

// check refuses what the library would take for left out, and names the flags.
func (v *subscribeVerb) check() error {
	if len(v.Parts) == 0 {
		return usagef("--parts is empty; give one of projections, notifications, reminders and webhooks, or several with commas between them")
	}
	return errors.Join(
		atLeast("--concurrency", v.Concurrency, 1),
		atLeast("--max-deliver", v.MaxDeliver, 1),
		atLeast("--max-ack-pending", v.MaxAckPending, 1),
		atLeast("--ack-wait", v.AckWait, 100*time.Millisecond),
		atLeast("--inbox-batch", v.InboxBatch, 1),
		atLeast("--partitions", v.Partitions, 0),
		atLeast("--reminder-first", v.ReminderFirst, time.Millisecond),
		atLeast("--reminder-second", v.ReminderSecond, time.Millisecond),
		atLeast("--reminder-mark", v.ReminderMark, time.Millisecond),
		atLeast("--handler-timeout", v.HandlerTimeout, time.Millisecond),
		atLeast("--drain-timeout", v.DrainTimeout, time.Millisecond),
	)
}

func atLeast[T int | time.Duration](flag string, value, least T) error {
	if value < least {
		return usagef("%s is %v; give %v or more", flag, value, least)
	}
	return nil
}
