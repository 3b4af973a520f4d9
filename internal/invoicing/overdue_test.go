package invoicing_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// overdueOn returns the ids of all that is overdue, page by page.
func (w *readWorld) overdueOn(t *testing.T, filter invoicing.OverdueFilter) (ids []string) {
	t.Helper()
	for filter.Limit = 2; ; {
		view, err := w.reader.Overdue(t.Context(), actor.TenantID, filter, 0)
		require.NoError(t, err)
		for _, one := range view.Value.Invoices {
			ids = append(ids, one.ID)
		}
		if filter.After = view.Value.Next; filter.After == "" {
			return ids
		}
		require.Len(t, view.Value.Invoices, 2)
	}
}

// An invoice is overdue from the day after it was due, until it is paid, voided or deleted.
func TestOverdueByDay(t *testing.T) {
	t.Parallel()
	w := newReadWorld(t)
	acme, apex := w.party(t, actor, "Acme"), w.party(t, actor, "Apex")
	widget := item(t, "12.50", "EUR", 2)
	second, _ := w.issue(t, acme, "2021-03-12", widget)
	first, _ := w.issue(t, acme, "2021-03-11", widget)
	others, _ := w.issue(t, apex, "2021-03-11", widget)
	third, _ := w.issue(t, acme, "2021-03-13", widget)
	w.draft(t, acme, "2021-03-11", widget)
	w.project(t)
	on := func(day string) []string {
		return w.overdueOn(t, invoicing.OverdueFilter{OrganisationID: acme.organisationID, Day: date(t, day)})
	}
	require.Empty(t, on("2021-03-11"))
	require.Equal(t, []string{first}, on("2021-03-12"))
	require.Equal(t, []string{first, second, third}, on("2021-04-01"))
	require.Equal(t, []string{first, others, second, third}, w.overdueOn(t, invoicing.OverdueFilter{Day: date(t, "2021-04-01")}))
	require.Empty(t, w.overdueOn(t, invoicing.OverdueFilter{}), "today is the first of March")

	_, err := w.services.Invoices.Pay(t.Context(), actor, first)
	require.NoError(t, err)
	_, err = w.services.Invoices.Void(t.Context(), actor, second)
	require.NoError(t, err)
	w.project(t)
	require.Equal(t, []string{third}, on("2021-04-01"))
	_, err = w.services.Invoices.Delete(t.Context(), actor, third)
	require.NoError(t, err)
	w.project(t)
	require.Empty(t, on("2021-04-01"))
	require.Equal(t, []string{others}, w.overdueOn(t, invoicing.OverdueFilter{Day: date(t, "2021-04-01")}))
}

// It tells what is owed, since when, and who was reminded. A page goes on where the one before ended, whatever became of that invoice.
func TestOverdueTellsAll(t *testing.T) {
	t.Parallel()
	w := newReadWorld(t)
	acme := w.party(t, actor, "Acme")
	reminded, _ := w.issue(t, acme, "2021-03-11", item(t, "12.50", "EUR", 2))
	next, _ := w.issue(t, acme, "2021-03-12", item(t, "90", "JPY", 1))
	told := monday().AddDate(0, 0, 12)
	_, err := w.pool.Exec(t.Context(), `INSERT INTO invoicing.reminders (invoice_id, tenant_id, first_at) VALUES ($1, $2, $3), ($4, 'another', $3)`,
		reminded, actor.TenantID, told, next)
	require.NoError(t, err)
	at := w.project(t)
	filter := invoicing.OverdueFilter{Day: date(t, "2021-03-31"), Limit: 1}
	view, err := w.reader.Overdue(t.Context(), actor.TenantID, filter, at)
	require.NoError(t, err)
	found := view.Value.Invoices[0]
	require.Equal(t, "EUR 25.00", found.SubTotal.String())
	found.SubTotal = item(t, "0", "EUR", 1).UnitAmount
	require.Equal(t, invoicing.View[invoicing.Overdue]{Position: at, Value: invoicing.Overdue{
		Day: filter.Day, Next: reminded, Invoices: view.Value.Invoices,
	}}, view)
	require.Equal(t, invoicing.OverdueInvoice{
		ID: reminded, OrganisationID: acme.organisationID, ContactID: acme.contactID, SubTotal: found.SubTotal,
		DueDate: date(t, "2021-03-11"), DaysOverdue: 20, IssuedAt: monday(), FirstReminder: told,
	}, found)

	_, err = w.services.Invoices.Pay(t.Context(), actor, reminded)
	require.NoError(t, err)
	w.project(t)
	filter.After = reminded
	view, err = w.reader.Overdue(t.Context(), actor.TenantID, filter, 0)
	require.NoError(t, err)
	require.Len(t, view.Value.Invoices, 1)
	require.Equal(t, next, view.Value.Invoices[0].ID)
	require.Equal(t, time.Time{}, view.Value.Invoices[0].FirstReminder, "another tenant's row")
	require.Empty(t, view.Value.Next)
	for _, unknown := range []string{"nobody", "\x00"} {
		_, err = w.reader.Overdue(t.Context(), actor.TenantID, invoicing.OverdueFilter{After: unknown}, 0)
		require.ErrorIs(t, err, domain.ErrAfter)
	}
}

// How a session writes dates, and where it thinks it is, changes nothing.
func TestOverdueInAnySession(t *testing.T) {
	t.Parallel()
	config, err := pgxpool.ParseConfig(pgtest.NewURL(t))
	require.NoError(t, err)
	config.ConnConfig.RuntimeParams["datestyle"] = "German, DMY"
	config.ConnConfig.RuntimeParams["timezone"] = "Pacific/Kiritimati"
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = invoicing.Migrate(t.Context(), pool)
	require.NoError(t, err)
	w := newReadWorldOn(t, pool)
	acme := w.party(t, actor, "Acme")
	drafted, _ := w.draft(t, acme, "2021-03-11", item(t, "1", "EUR", 1))
	w.project(t)
	issued, err := w.services.Invoices.Issue(t.Context(), actor, drafted)
	id, _ := done(t, issued, err)
	w.project(t)
	view, err := w.reader.Overdue(t.Context(), actor.TenantID, invoicing.OverdueFilter{Day: date(t, "2021-03-12")}, 0)
	require.NoError(t, err)
	require.Len(t, view.Value.Invoices, 1)
	require.Equal(t, invoicing.OverdueInvoice{
		ID: id, OrganisationID: acme.organisationID, ContactID: acme.contactID, SubTotal: view.Value.Invoices[0].SubTotal,
		DueDate: date(t, "2021-03-11"), DaysOverdue: 1, IssuedAt: monday(),
	}, view.Value.Invoices[0])
	comparison, err := invoicing.Compare(t.Context(), pool, actor.TenantID)
	require.NoError(t, err)
	require.Empty(t, comparison.Differences)
}
