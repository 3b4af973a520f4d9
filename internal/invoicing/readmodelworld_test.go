package invoicing_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/internal/invoicing"
)

// readWorld is a database with the services on it, and a reader of the read models. It is Monday 2021-03-01.
type readWorld struct {
	pool     *pgxpool.Pool
	services invoicing.Services
	reader   *invoicing.Reader
}

func monday() time.Time { return time.Date(2021, 3, 1, 12, 0, 0, 0, time.UTC) }

func newReadWorld(t *testing.T) *readWorld {
	t.Helper()
	return newReadWorldOn(t, newPool(t))
}

func newReadWorldOn(t *testing.T, pool *pgxpool.Pool) *readWorld {
	t.Helper()
	transactor, err := invoicing.NewTransactor(pool, invoicing.TransactorConfig{})
	require.NoError(t, err)
	services, err := invoicing.NewServices(transactor, monday, domain.Config{})
	require.NoError(t, err)
	return &readWorld{pool, services, invoicing.NewReader(pool, invoicing.ReaderConfig{Wait: patience, Clock: monday})}
}

// done is the id of what a command was about, and the position of its last event.
func done(t *testing.T, result domain.Result, err error) (string, contrail.Position) {
	t.Helper()
	require.NoError(t, err)
	return result.ID, result.Events[len(result.Events)-1].Position
}

// party is an organisation and a contact of it.
type party struct {
	actor                     domain.Actor
	organisationID, contactID string
}

func (w *readWorld) party(t *testing.T, as domain.Actor, name string) party {
	t.Helper()
	created, err := w.services.Organisations.Create(t.Context(), as, name)
	organisationID, _ := done(t, created, err)
	created, err = w.services.Contacts.Create(t.Context(), as, organisationID, contact.Details{FirstName: "Ada", LastName: "Byron", Email: "ada@example.org"})
	contactID, _ := done(t, created, err)
	return party{as, organisationID, contactID}
}

func item(t *testing.T, amount, currency string, quantity int) invoice.LineItem {
	t.Helper()
	unit, err := money.Parse(amount, currency)
	require.NoError(t, err)
	return invoice.LineItem{Description: "Widget", UnitAmount: unit, Quantity: quantity}
}

func date(t *testing.T, text string) invoice.Date {
	t.Helper()
	day, err := invoice.ParseDate(text)
	require.NoError(t, err)
	return day
}

func (w *readWorld) draft(t *testing.T, of party, due string, items ...invoice.LineItem) (string, contrail.Position) {
	t.Helper()
	drafted, err := w.services.Invoices.Draft(t.Context(), of.actor, domain.DraftInvoice{
		OrganisationID: of.organisationID, ContactID: of.contactID, CurrencyCode: items[0].UnitAmount.CurrencyCode(), DueDate: date(t, due), LineItems: items,
	})
	return done(t, drafted, err)
}

// issue drafts an invoice and issues it.
func (w *readWorld) issue(t *testing.T, of party, due string, items ...invoice.LineItem) (string, contrail.Position) {
	t.Helper()
	id, _ := w.draft(t, of, due, items...)
	issued, err := w.services.Invoices.Issue(t.Context(), of.actor, id)
	return done(t, issued, err)
}

// project has the read models' handlers project all that is not projected yet, as if it had come by the relay, and the checkpoints tell so.
func (w *readWorld) project(t *testing.T) contrail.Position {
	t.Helper()
	var at contrail.Position
	require.NoError(t, w.pool.QueryRow(t.Context(), `SELECT coalesce(max(position), 0) FROM contrail.projections`).Scan(&at))
	events := recorded(t, w.pool)
	for len(events) > 0 && events[0].Position <= at {
		events = events[1:]
	}
	require.NoError(t, projectAll(t.Context(), w.pool, events))
	at = newest(t, w.pool)
	_, err := w.pool.Exec(t.Context(), `INSERT INTO contrail.projections (name, position) SELECT unnest($1::text[]), $2
		ON CONFLICT (name) DO UPDATE SET position = excluded.position`, readModels(), at)
	require.NoError(t, err)
	return at
}
