package invoicing

import (
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/internal/invoicing/mail"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// send is the ledger's adapter: it looks up how things are at the moment, and sends the mail, or says why nobody needs it any more.
func (n *Notifications) send(ctx context.Context, d deliveries.Delivery) (deliveries.Receipt, error) {
	told, err := n.look(ctx, d)
	if err != nil {
		return deliveries.Receipt{}, deliveries.Temporary(err) // which leaves what it is to a skip, and to what is permanent
	}
	subject, text := told.write(d.Channel)
	name := strings.TrimSpace(told.contact.FirstName + " " + told.contact.LastName)
	return n.config.Mailer.Send(ctx, mail.Message{
		Key: d.Key(), Date: d.PlannedAt, From: n.config.From, To: netmail.Address{Name: name, Address: told.contact.Email},
		Subject: subject, Text: text,
	})
}

// Why a mail is not sent, in the ledger's words.
const (
	skipContactUnknown = "contact_unknown" // or another tenant's
	skipContactDeleted = "contact_deleted"
	skipContactErased  = "contact_erased" // the person is forgotten, and with the person the address
	skipNoAddress      = "contact_has_no_address"
)

// look reads what a mail tells. It skips a mail that makes no sense any more.
func (n *Notifications) look(ctx context.Context, d deliveries.Delivery) (told letter, err error) {
	found, err := n.aggregates.invoice(ctx, n.pool, tenantsID{d.Tenant, d.Event.Stream.ID()})
	if err != nil {
		return letter{}, fmt.Errorf("read %s: %w", d.Event.Stream, err)
	}
	told.invoice = found.State
	reason := settledBy(told.invoice)
	if reason == "paid" && d.Channel == ChannelInvoice {
		reason = "" // who pays at once gets the invoice nevertheless
	}
	if reason != "" {
		return letter{}, contrail.Skip("invoice_" + reason)
	}
	if told.contact, err = n.addressee(ctx, tenantsID{d.Tenant, told.invoice.ContactID}); err != nil {
		return letter{}, err
	}
	told.organisation, err = n.aggregates.organisation(ctx, n.pool, tenantsID{d.Tenant, told.invoice.OrganisationID})
	if err != nil {
		return letter{}, fmt.Errorf("read the invoice's organisation: %w", err)
	}
	return told, nil
}

// addressee reads whom a mail goes to, by the address of today.
func (n *Notifications) addressee(ctx context.Context, which tenantsID) (contact.State, error) {
	state, erased, err := n.aggregates.contact(ctx, n.pool, which)
	switch {
	case errors.Is(err, errUnknown):
		return state, contrail.Skip(skipContactUnknown)
	case err != nil:
		return state, fmt.Errorf("read the invoice's contact: %w", err)
	case !state.DeletedAt.IsZero():
		return state, contrail.Skip(skipContactDeleted)
	case state.Email == "" && erased:
		return state, contrail.Skip(skipContactErased)
	case state.Email == "":
		return state, contrail.Skip(skipNoAddress)
	}
	return state, nil
}
