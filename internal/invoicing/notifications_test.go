package invoicing_test

import (
	"errors"
	netmail "net/mail"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/erasure"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/invoicing/mail"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// The whole way: an invoice that is issued is one mail, also when its event comes twice.
func TestIssuedIsOneMail(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.open()
	id := o.issue()
	record := o.ended(id, invoicing.ChannelInvoice)
	require.Equal(t, deliveries.Succeeded, record.State)
	require.Equal(t, "contact-"+o.contactID, record.Recipient)
	require.Equal(t, actor.TenantID, record.Tenant)
	require.Len(t, o.mails.all(), 1)
	sent := o.mails.all()[0]
	require.Equal(t, record.ID.String()+"@example.org", sent.ID())
	require.Equal(t, netmail.Address{Name: "Ada Byron", Address: "ada@example.com"}, sent.To)
	require.Equal(t, o.config.From, sent.From)
	require.Equal(t, "Invoice "+id+" from Tea & Söhne", sent.Subject)
	require.Equal(t, "Dear Ada Byron,\n\nthis is invoice "+id+" from Tea & Söhne.\n\n"+
		"  12 × EUR 2.50 = EUR 30.00  Tea\n   1 × EUR 2.50 =  EUR 2.50  Kännchen\n                  EUR 32.50  in total\n\n"+
		"It is due on 2021-02-14.\n\nTea & Söhne\ninvoice "+id+"\n", sent.Text)

	o.publish(id, "InvoiceIssued")
	o.handled(2)
	require.EqualValues(t, 1, o.told.Stats().Handled)
	counts, err := deliveries.Stats(t.Context(), o.pool, deliveries.Filter{})
	require.NoError(t, err)
	require.Len(t, counts, 1)
	require.EqualValues(t, 1, counts[0].Deliveries)
	require.Equal(t, "invoice-notifications", counts[0].Consumer)
	require.Len(t, o.mails.all(), 1)
	require.Equal(t, steps.Waiting, o.run(id, steps.Waiting).Status)
}

// A mail is about things as they are when it is sent, and not as they were when it was planned.
func TestMailIsOfToday(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	paid, void, moved := o.issue(), o.issue(), o.issue()
	deleted := o.issue()
	o.pay(paid)
	_, err := o.services.Invoices.Void(t.Context(), actor, void)
	require.NoError(t, err)
	_, err = o.services.Invoices.Delete(t.Context(), actor, deleted)
	require.NoError(t, err)
	_, err = o.services.Contacts.Update(t.Context(), actor, o.contactID, contact.Details{FirstName: "Ada", LastName: "Lovelace", Email: "ada@example.net"})
	require.NoError(t, err)
	o.open()

	require.Equal(t, deliveries.Succeeded, o.ended(paid, invoicing.ChannelInvoice).State)
	require.Equal(t, deliveries.Succeeded, o.ended(moved, invoicing.ChannelInvoice).State)
	for id, reason := range map[string]deliveries.Reason{void: "invoice_voided", deleted: "invoice_deleted"} {
		record := o.ended(id, invoicing.ChannelInvoice)
		require.Equal(t, deliveries.Suppressed, record.State)
		require.Equal(t, reason, record.Reason)
	}
	require.Len(t, o.mails.all(), 2)
	for _, sent := range o.mails.all() {
		require.Equal(t, "ada@example.net", sent.To.Address)
		require.Contains(t, sent.Text, "Dear Ada Lovelace,")
		if sent.Subject == "Invoice "+paid+" from Tea & Söhne" {
			require.Contains(t, sent.Text, "It is paid. Thank you.")
		}
	}
}

// Whoever has no address any more gets no mail, and the ledger says why.
func TestContactWithoutAnAddress(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	deleted := o.issue()
	_, err := o.services.Contacts.Delete(t.Context(), actor, o.contactID)
	require.NoError(t, err)
	insert := func(tenant string) (invoiceID string) {
		t.Helper()
		o.contactID = o.newContact()
		invoiceID = o.issue()
		_, err := o.pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data, metadata)
			VALUES ($1, 2, 'ContactUpdated', '{"contact":{"id":"1","first_name":"Ada"}}', jsonb_build_object('tenant_id', $2::text))`, "contact-"+o.contactID, tenant)
		require.NoError(t, err)
		return invoiceID
	}
	blank, foreign := insert(actor.TenantID), insert("t2")
	o.open()
	for id, reason := range map[string]deliveries.Reason{deleted: "contact_deleted", blank: "contact_has_no_address", foreign: "contact_unknown"} {
		record := o.ended(id, invoicing.ChannelInvoice)
		require.Equal(t, deliveries.Suppressed, record.State)
		require.Equal(t, reason, record.Reason)
	}
	require.Empty(t, o.mails.all())
}

// A server that is away for a moment, and one that knows nobody of that name.
func TestMailThatFails(t *testing.T) {
	t.Parallel()
	answers := make(chan error, 3)
	answers <- deliveries.Temporary(errors.New("451 come back later"))
	answers <- deliveries.Bounced(errors.New("550 5.1.1 no such user"))
	o := newOffice(t)
	o.mails.answer = func(mail.Message) error { return <-answers }
	o.open()
	record := o.ended(o.issue(), invoicing.ChannelInvoice)
	require.Equal(t, deliveries.Cancelled, record.State)
	require.Equal(t, deliveries.ReasonBounced, record.Reason)
	require.Equal(t, 2, record.Attempts)
	answers <- nil
	require.Equal(t, deliveries.Succeeded, o.ended(o.issue(), invoicing.ChannelInvoice).State)
}

// What somebody has inserted by hand, and makes no sense, holds up nobody.
func TestNotificationsOfNonsense(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, err := o.pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data, metadata) VALUES
		('invoice-a', 1, 'InvoiceIssued', '{}', '{"tenant_id":"t1"}'), ('invoice-b', 1, 'InvoicePaid', '{}', '{"tenant_id":"t1"}'),
		('invoice-c', 1, 'InvoiceDrafted', '{"invoice":{"sub_total":{"amount":"x","currency_code":"EUR"}}}', '{"tenant_id":"t1"}'),
		('invoice-c', 2, 'InvoiceIssued', '{}', '{"tenant_id":"t1"}'), ('invoice-d', 1, 'InvoiceIssued', '{}', '{}')`)
	require.NoError(t, err)
	id := o.issue()
	o.open()
	require.Equal(t, deliveries.Succeeded, o.ended(id, invoicing.ChannelInvoice).State)
	require.Eventually(t, func() bool {
		stats := o.told.Stats()
		return stats.Handled == 1 && stats.Skipped == 2 && stats.DeadLettered == 2
	}, patience, 5*time.Millisecond)
	require.Equal(t, map[string]int64{"the invoice was never drafted": 2}, o.told.Stats().SkipReasons)
}

// A draft that is voided or deleted was never told of.
func TestDraftsAreNobodysBusiness(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	void, deleted := o.draft(), o.draft()
	_, err := o.services.Invoices.Void(t.Context(), actor, void)
	require.NoError(t, err)
	_, err = o.services.Invoices.Delete(t.Context(), actor, deleted)
	require.NoError(t, err)
	o.open()
	o.handled(2)
	require.EqualValues(t, 2, o.told.Stats().Handled)
	runs, err := steps.Count(t.Context(), o.pool, steps.Filter{})
	require.NoError(t, err)
	require.Empty(t, runs)
}

// All faults are told at once.
func TestNotificationsConfigFaults(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, err := invoicing.NewNotifications(o.js, o.pool, invoicing.NotificationsConfig{
		From: netmail.Address{Address: "billing"}, Subscription: subscribers.Config{Durable: "a b"}, Policy: deliveries.Policy{Ambiguous: "perhaps"},
		Reminders: invoicing.RemindersConfig{First: -1, Second: -1, Mark: -1},
	})
	for _, want := range []string{
		"configure notifications: ", "Mailer is required", `From: "billing" is no address`, `Durable: "a b"`, `Ambiguous: "perhaps"`,
		"Reminders.First: -1ns", "Reminders.Second: -1ns", "Reminders.Mark: -1ns",
	} {
		require.ErrorContains(t, err, want)
	}
	for _, address := range []string{"a b@example.org", "a@b@example.org", "billing@example.org>"} {
		o.config.From.Address = address
		_, err = invoicing.NewNotifications(o.js, o.pool, o.config)
		require.ErrorContains(t, err, "is no address")
	}
	_, err = invoicing.NewNotifications(nil, nil, o.config)
	require.ErrorContains(t, err, "both a connection to the broker and one to the database are required")
}

// seal encrypts who the contact is. It returns what opens that.
func (o *office) seal() (store *eventstore.Store, keys *erasure.Keys) {
	o.Helper()
	keks, err := erasure.ParseKEKs("2026-11:bm90IGEgc2VjcmV0LCBidXQgMzIgYnl0ZXMgbG9uZy4=")
	require.NoError(o, err)
	keyring, err := erasure.NewKeyring(keks...)
	require.NoError(o, err)
	store, err = eventstore.New(eventstore.Config{Keys: keyring})
	require.NoError(o, err)
	keys, err = erasure.NewKeys(o.pool, keyring, erasure.Config{})
	require.NoError(o, err)
	require.NoError(o, pgx.BeginFunc(o.Context(), o.pool, func(tx pgx.Tx) error {
		moved := contact.Updated{Contact: contact.Body{ID: o.contactID, Details: contact.Details{FirstName: "Ada", LastName: "Lovelace", Email: "ada@example.net"}}}
		event := contrail.Event{
			Type: moved.EventType(), Data: moved, DataSubject: "contact-" + o.contactID, Metadata: contrail.Metadata{contrail.KeyTenantID: actor.TenantID},
		}
		_, err := store.Append(o.Context(), tx, contrail.NewStreamID(contact.Category, o.contactID), eventstore.Exactly(1), event)
		return err
	}))
	return store, keys
}

// Who was started without the keys goes on trying: a mail is not given up for that.
func TestContactIsSealed(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.issue()
	o.seal()
	o.config.Policy.MaxAttempts = 3
	o.openWithoutRelay()
	o.publish(id, "InvoiceIssued")
	record := o.ended(id, invoicing.ChannelInvoice)
	require.Equal(t, deliveries.Reason("retries_exhausted"), record.Reason)
	require.Equal(t, 3, record.Attempts)
	require.Empty(t, o.mails.all())
}

// A person who was forgotten has no address any more; before that, whoever has the keys reads it.
func TestContactIsForgotten(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var keys *erasure.Keys
	known, forgotten := o.issue(), o.issue()
	o.config.Store, keys = o.seal()
	o.openWithoutRelay()
	o.publish(known, "InvoiceIssued")
	require.Equal(t, deliveries.Succeeded, o.ended(known, invoicing.ChannelInvoice).State)
	require.Equal(t, "ada@example.net", o.mails.all()[0].To.Address)

	require.NoError(t, pgx.BeginFunc(t.Context(), o.pool, func(tx pgx.Tx) error {
		erased, err := keys.Erase(t.Context(), tx, "contact-"+o.contactID)
		require.True(t, erased)
		return err
	}))
	o.publish(forgotten, "InvoiceIssued")
	record := o.ended(forgotten, invoicing.ChannelInvoice)
	require.Equal(t, deliveries.Suppressed, record.State)
	require.Equal(t, deliveries.Reason("contact_erased"), record.Reason)
	require.Len(t, o.mails.all(), 1)
}
