package invoicing_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/projections"
)

// Each read model is built anew while it is read: whoever reads sees what was there, spoiled as it is, or what the events say, and nothing in
// between or beside.
func TestRebuildWhileItIsRead(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	startReadModels(t, pool, subscribers.ProjectionConfig{Batch: 16})
	enact(t, pool, 60)
	last := newest(t, pool)
	awaitReadModels(t, pool, last)
	right := content(t, pool)
	var organisationID string
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT min(id) FROM invoicing.summary_organisations`).Scan(&organisationID))
	reader := invoicing.NewReader(pool, invoicing.ReaderConfig{Wait: patience})
	t.Run("each", func(t *testing.T) {
		for name, model := range map[string]rebuilding{
			invoicing.SummaryName: {
				`UPDATE invoicing.summary_totals SET invoices = invoices + 1000, amount = 0; UPDATE invoicing.summary_organisations SET name = 'Spoiled'`,
				func(ctx context.Context) (any, error) {
					return reader.Summary(ctx, actor.TenantID, organisationID, last)
				},
			},
			invoicing.OverdueName: {
				`DELETE FROM invoicing.overdue_invoices WHERE id < '8'; UPDATE invoicing.overdue_invoices SET sub_total = 1, currency_code = 'USD'`,
				func(ctx context.Context) (any, error) {
					return reader.Overdue(ctx, actor.TenantID, invoicing.OverdueFilter{Day: date(t, "2030-01-01"), Limit: domain.MaxLimit}, last)
				},
			},
			invoicing.StatementName: {
				`UPDATE invoicing.statement_lines SET balance = 1000; DELETE FROM invoicing.statement_invoices`,
				func(ctx context.Context) (any, error) {
					return reader.Statement(ctx, actor.TenantID, organisationID, invoicing.StatementPage{Limit: domain.MaxLimit}, last)
				},
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				model.check(t, pool, name, last)
			})
		}
	})
	require.Equal(t, right, content(t, pool))
}

// rebuilding is how a read model is spoiled, and how it is read.
type rebuilding struct {
	spoil string
	read  func(ctx context.Context) (any, error)
}

func (r rebuilding) show(ctx context.Context) (string, error) {
	view, err := r.read(ctx)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(view)
	return string(text), err
}

func (r rebuilding) check(t *testing.T, pool *pgxpool.Pool, name string, last contrail.Position) {
	t.Helper()
	good, err := r.show(t.Context())
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), r.spoil)
	require.NoError(t, err)
	spoiled, err := r.show(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, good, spoiled)

	began, ended := make(chan struct{}), make(chan error, 1)
	reading, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { ended <- r.watch(reading, spoiled, good, func() { close(began) }) }()
	<-began
	asked, err := projections.Rebuild(t.Context(), pool, name, projections.Order{By: "tester"})
	require.NoError(t, err)
	done, err := projections.Await(t.Context(), pool, asked, nil)
	require.NoError(t, err)
	require.Equal(t, last, done.Position)
	require.NoError(t, <-ended)
	shown, err := r.show(t.Context())
	require.NoError(t, err)
	require.Equal(t, good, shown)
}

// watch reads until it is good again. It says so when it has read a few times.
func (r rebuilding) watch(ctx context.Context, spoiled, good string, began func()) error {
	for reads := 1; ; reads++ {
		shown, err := r.show(ctx)
		switch {
		case err != nil || shown == good:
			return err
		case shown != spoiled:
			return fmt.Errorf("read %d shows %s", reads, shown)
		case reads == 10:
			began()
		}
	}
}
