package invoicing_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/internal/invoicing"
)

var stranger = domain.Actor{TenantID: "t2", UserID: "tester"}

// gated runs transactions with something in between; what is nil is left out.
type gated struct {
	domain.Transactor

	uncommitted func() error // once all is done but the commit
	committed   func() error // once all is done, in place of the outcome
}

func (g gated) InTx(ctx context.Context, fn func(ctx context.Context, tx domain.Tx) error) error {
	err := g.Transactor.InTx(ctx, func(ctx context.Context, tx domain.Tx) error {
		err := fn(ctx, tx)
		if err == nil && g.uncommitted != nil {
			err = g.uncommitted()
		}
		return err
	})
	if err == nil && g.committed != nil {
		err = g.committed()
	}
	return err
}

func newServices(t *testing.T, transactor domain.Transactor, config domain.Config) invoicing.Services {
	t.Helper()
	at := time.Date(2021, 1, 1, 12, 0, 0, 0, time.UTC)
	services, err := invoicing.NewServices(transactor, func() time.Time { return at }, config)
	require.NoError(t, err)
	return services
}

func ada() contact.Details {
	return contact.Details{FirstName: "Ada", LastName: "Byron", Email: "ada@example.org"}
}

// newDraft makes an organisation and a contact, and returns an invoice to it that is yet to be drafted.
func newDraft(t *testing.T, services invoicing.Services) domain.DraftInvoice {
	t.Helper()
	acme, err := services.Organisations.Create(t.Context(), actor, "Acme")
	require.NoError(t, err)
	person, err := services.Contacts.Create(t.Context(), actor, acme.ID, ada())
	require.NoError(t, err)
	price, err := money.Parse("2.50", "EUR")
	require.NoError(t, err)
	due, err := invoice.ParseDate("2021-01-31")
	require.NoError(t, err)
	return domain.DraftInvoice{
		OrganisationID: acme.ID, ContactID: person.ID, CurrencyCode: "EUR", DueDate: due,
		LineItems: []invoice.LineItem{{Description: "Tea", UnitAmount: price, Quantity: 2}},
	}
}

// waitsForALock waits until so many sessions of the test's database wait for one.
func waitsForALock(t *testing.T, pool *pgxpool.Pool, sessions int) {
	t.Helper()
	require.Eventually(t, func() bool {
		var waiting int
		err := pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
		return err == nil && waiting == sessions
	}, patience, 5*time.Millisecond)
}

// heldOpen runs a command whose transaction stays open until release is called, which waits for its outcome. It returns when the transaction
// has done all but commit.
func heldOpen(
	t *testing.T, transactor domain.Transactor, command func(services invoicing.Services) error,
) (release func() error) {
	t.Helper()
	reached, proceed, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	services := newServices(t, gated{Transactor: transactor, uncommitted: func() error {
		close(reached)
		<-proceed
		return nil
	}}, domain.Config{Attempts: 1})
	go func() { ended <- command(services) }()
	select {
	case <-reached:
	case err := <-ended:
		require.NoError(t, err, "it ended before it was to commit")
	case <-time.After(patience):
		require.Fail(t, "it did not come to its commit")
	}
	return func() error {
		close(proceed)
		return <-ended
	}
}
