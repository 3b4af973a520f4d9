package invoicing

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// handle registers the handlers. Whatever order the events of an invoice are handled in, its run is begun once, and is cancelled once the invoice is settled.
func (n *Notifications) handle() {
	subscribers.HandleTx(n.subscription, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[invoice.Issued]) error {
		return n.issued(ctx, tx, deliveries.From(e))
	})
	subscribers.HandleTx(n.subscription, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[invoice.Paid]) error {
		return n.settled(ctx, tx, e.Recorded, "paid")
	})
	subscribers.HandleTx(n.subscription, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[invoice.Voided]) error {
		return n.settled(ctx, tx, e.Recorded, "voided")
	})
	subscribers.HandleTx(n.subscription, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[invoice.Deleted]) error {
		return n.settled(ctx, tx, e.Recorded, "deleted")
	})
}

// issued plans the mail and begins the run, in the transaction of the event's row in the inbox.
func (n *Notifications) issued(ctx context.Context, tx pgx.Tx, event deliveries.Event) error {
	found, err := n.issue(ctx, tx, event.Recorded)
	if err != nil {
		return err
	}
	if err := n.ledger.Plan(ctx, tx, event, deliveries.Target{Channel: ChannelInvoice, Recipient: recipientOf(found.State)}); err != nil {
		return err
	}
	return n.begin(ctx, tx, found)
}

// settled cancels the run. It begins it before, since the event that does may be handled later than this one, or at the same time; the mail is looked
// after when it is sent.
func (n *Notifications) settled(ctx context.Context, tx pgx.Tx, event contrail.Recorded, because string) error {
	found, err := n.issue(ctx, tx, event)
	if reason, skipped := contrail.SkipReason(err); skipped && reason == neverIssued {
		return nil // it was a draft, so nobody was told of it
	}
	if err != nil {
		return err
	}
	if err := n.begin(ctx, tx, found); err != nil {
		return err
	}
	_, err = steps.Cancel(ctx, tx, ReminderKey(event.Stream.ID()), steps.Order{By: n.config.Subscription.Durable, Because: because})
	return err
}

// What an event may be that somebody has inserted by hand.
const (
	neverIssued  = "the invoice was never issued"
	neverDrafted = "the invoice was never drafted"
)

// issue reads the invoice that an event is about. It skips what makes no sense.
func (n *Notifications) issue(ctx context.Context, tx pgx.Tx, event contrail.Recorded) (issuedInvoice, error) {
	tenant, err := tenantOf(event)
	if err != nil {
		return issuedInvoice{}, err
	}
	found, err := n.aggregates.invoice(ctx, tx, tenantsID{tenant, event.Stream.ID()})
	switch {
	case errors.Is(err, errUnknown), err == nil && found.State.ContactID == "":
		return issuedInvoice{}, contrail.Skip(neverDrafted)
	case err != nil:
		return issuedInvoice{}, fmt.Errorf("read %s: %w", event.Stream, err)
	case found.issue.Version == 0:
		return issuedInvoice{}, contrail.Skip(neverIssued)
	}
	return found, nil
}

// recipientOf is how the ledger knows whom an invoice goes to. Ledgers are kept and listed: an address does not belong there.
func recipientOf(state invoice.State) string { return contact.Category + "-" + state.ContactID }
