package invoicing_test

import (
	"context"
	netmail "net/mail"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/invoicing/mail"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// mailbox takes mails, and keeps them.
type mailbox struct {
	answer func(mail.Message) error // before a mail is taken; nil: it is

	mu    sync.Mutex
	mails []mail.Message
}

func (m *mailbox) Send(_ context.Context, message mail.Message) (deliveries.Receipt, error) {
	if m.answer != nil {
		if err := m.answer(message); err != nil {
			return deliveries.Receipt{}, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mails = append(m.mails, message)
	return deliveries.Receipt{ID: message.ID()}, nil
}

func (m *mailbox) all() []mail.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]mail.Message{}, m.mails...)
}

// office is a service whose contacts are told.
type office struct {
	*testing.T

	pool     *pgxpool.Pool
	js       jetstream.JetStream
	services invoicing.Services
	mails    *mailbox
	config   invoicing.NotificationsConfig
	told     *invoicing.Notifications // once it is open

	organisationID, contactID string
}

// newOffice has an organisation and a contact. Its clock stands on a day long ago, on which invoices are drafted that are due then. Nothing runs yet.
func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{T: t, pool: newPool(t), mails: &mailbox{}}
	o.js, _ = natstest.JetStream(t)
	transactor, err := invoicing.NewTransactor(o.pool, invoicing.TransactorConfig{})
	require.NoError(t, err)
	longAgo := time.Date(2021, 1, 31, 9, 0, 0, 0, time.UTC)
	o.services, err = invoicing.NewServices(transactor, func() time.Time { return longAgo }, domain.Config{})
	require.NoError(t, err)
	organisation, err := o.services.Organisations.Create(t.Context(), actor, "Tea & Söhne")
	require.NoError(t, err)
	o.organisationID = organisation.ID
	o.contactID = o.newContact()
	o.config = invoicing.NotificationsConfig{
		Mailer: o.mails, From: netmail.Address{Name: "Billing", Address: "billing@example.org"},
		Policy: deliveries.Policy{Backoff: deliveries.Backoff{Schedule: []time.Duration{10 * time.Millisecond}}},
	}
	return o
}

func (o *office) newContact() string {
	o.Helper()
	added, err := o.services.Contacts.Create(o.Context(), actor, o.organisationID, contact.Details{FirstName: "Ada", LastName: "Byron", Email: "ada@example.com"})
	require.NoError(o, err)
	return added.ID
}

// issue drafts and issues an invoice, and returns its id.
func (o *office) issue() string {
	o.Helper()
	id := o.draft()
	_, err := o.services.Invoices.Issue(o.Context(), actor, id)
	require.NoError(o, err)
	return id
}

func (o *office) draft() string {
	o.Helper()
	drafted, err := o.services.Invoices.Draft(o.Context(), actor, domain.DraftInvoice{
		OrganisationID: o.organisationID, ContactID: o.contactID, CurrencyCode: "EUR", DueDate: invoice.DateOf(time.Date(2021, 2, 14, 0, 0, 0, 0, time.UTC)),
		LineItems: o.lines(),
	})
	require.NoError(o, err)
	return drafted.ID
}

func (o *office) lines() []invoice.LineItem {
	o.Helper()
	price, err := money.Parse("2.50", "EUR")
	require.NoError(o, err)
	return []invoice.LineItem{{Description: "Tea", UnitAmount: price, Quantity: 12}, {Description: "Kännchen", UnitAmount: price, Quantity: 1}}
}

func (o *office) pay(id string) {
	o.Helper()
	_, err := o.services.Invoices.Pay(o.Context(), actor, id)
	require.NoError(o, err)
}

// open runs the relay, the notifications and the reminders until the test ends.
func (o *office) open() {
	o.Helper()
	relay, err := publisher.NewRelay(o.pool, o.js, publisher.Config{})
	require.NoError(o, err)
	inBackground(o.T, relay.Run)
	o.subscribe()
}

// openWithoutRelay is open with an empty stream, into which the test publishes what it wants.
func (o *office) openWithoutRelay() {
	o.Helper()
	_, err := o.js.CreateStream(o.Context(), jetstream.StreamConfig{Name: wire.DefaultStream, Subjects: []string{"events.>"}})
	require.NoError(o, err)
	o.subscribe()
}

func (o *office) subscribe() {
	o.Helper()
	var err error
	o.told, err = invoicing.NewNotifications(o.js, o.pool, o.config)
	require.NoError(o, err)
	inBackground(o.T, o.told.Run)
	inBackground(o.T, o.told.RunReminders)
}

// publish publishes an invoice's event of a type, as often as it is called.
func (o *office) publish(id, eventType string) {
	o.Helper()
	for _, event := range recorded(o.T, o.pool) {
		if event.Stream.ID() == id && event.Type == eventType {
			_, err := o.js.Publish(o.Context(), wire.Subject("events", event), wire.Append(nil, wire.Source("", uuid.Nil), event))
			require.NoError(o, err)
			return
		}
	}
	o.Fatalf("invoice %s has no %s", id, eventType)
}

// handled waits until so many events have been handled.
func (o *office) handled(events int64) {
	o.Helper()
	require.Eventually(o, func() bool {
		stats := o.told.Stats()
		return stats.Handled+stats.Duplicates+stats.Skipped+stats.DeadLettered >= events
	}, patience, 5*time.Millisecond)
	require.Zero(o, o.told.Stats().DeadLettered)
}

// ended waits until a mail has ended, and returns how.
func (o *office) ended(id, channel string) deliveries.Record {
	o.Helper()
	var found deliveries.Record
	require.Eventually(o, func() bool {
		for record, err := range deliveries.List(o.Context(), o.pool, deliveries.Filter{Stream: contrail.NewStreamID(invoice.Category, id), Channel: channel}) {
			if err == nil && (record.State.Ended() || record.Standing == deliveries.StandingHeld) {
				found = record
				return true
			}
		}
		return false
	}, patience, 5*time.Millisecond, channel)
	return found
}

// run waits until an invoice's run stands like this, and returns it.
func (o *office) run(id string, status steps.Status) steps.Record {
	o.Helper()
	var found steps.Record
	require.Eventually(o, func() bool {
		for record, err := range steps.List(o.Context(), o.pool, steps.Filter{KeyPrefix: invoicing.ReminderKey(id)}) {
			found = record
			return err == nil && record.Status == status
		}
		return false
	}, patience, 5*time.Millisecond, status)
	return found
}

// reminders are which of the three times are set.
func (o *office) reminders(id string) (first, second, marked bool) {
	o.Helper()
	const sql = `SELECT coalesce(bool_or(first_at IS NOT NULL), false), coalesce(bool_or(second_at IS NOT NULL), false), coalesce(bool_or(marked_at IS NOT NULL), false)
		FROM invoicing.reminders WHERE invoice_id = $1 AND tenant_id = 't1'`
	require.NoError(o, o.pool.QueryRow(o.Context(), sql, id).Scan(&first, &second, &marked))
	return first, second, marked
}

// subjects are those of the mails that were taken.
func (o *office) subjects() []string {
	var all []string
	for _, message := range o.mails.all() {
		all = append(all, message.Subject)
	}
	return all
}

// soon are timers that are over at once.
func soon() invoicing.RemindersConfig {
	return invoicing.RemindersConfig{First: time.Millisecond, Second: time.Millisecond, Mark: time.Millisecond}
}
