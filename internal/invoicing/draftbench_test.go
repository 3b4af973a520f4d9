package invoicing_test

import (
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// BenchmarkDraft drafts invoices of ten lines from 16 goroutines, through the services on PostgreSQL: plainly, with an idempotency key, and
// with a reference, too. With CONTRAIL_DURABLE=1 the cluster waits for its disk.
func BenchmarkDraft(b *testing.B) {
	for _, with := range []struct {
		name    string
		options func(n string) []domain.Option
	}{
		{"plain", func(string) []domain.Option { return nil }},
		{"once", func(n string) []domain.Option { return []domain.Option{domain.Once(n)} }},
		{"once and reference", func(n string) []domain.Option { return []domain.Option{domain.Once(n), domain.WithReference(n)} }},
	} {
		b.Run(with.name, func(b *testing.B) { benchmarkDraft(b, with.options) })
	}
}

func benchmarkDraft(b *testing.B, options func(n string) []domain.Option) {
	b.Helper()
	const clients = 16
	services := benchServices(b, clients)
	draft := benchDraft(b, services)
	var drafted atomic.Int64
	took := make([][]time.Duration, clients)
	b.ResetTimer()
	done := make(chan error, clients)
	for client := range clients {
		go func() {
			for {
				n := drafted.Add(1)
				if n > int64(b.N) {
					done <- nil
					return
				}
				began := time.Now()
				_, err := services.Invoices.Draft(b.Context(), actor, draft, options(strconv.FormatInt(n, 10))...)
				if err != nil {
					done <- err
					return
				}
				took[client] = append(took[client], time.Since(began))
			}
		}()
	}
	for range clients {
		require.NoError(b, <-done)
	}
	b.StopTimer()
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "drafts/s")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
}

func benchServices(b *testing.B, connections int32) invoicing.Services {
	b.Helper()
	config, err := pgxpool.ParseConfig(pgtest.NewURL(b))
	require.NoError(b, err)
	config.MaxConns = connections
	pool, err := pgxpool.NewWithConfig(b.Context(), config)
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	_, err = invoicing.Migrate(b.Context(), pool)
	require.NoError(b, err)
	transactor, err := invoicing.NewTransactor(pool, invoicing.TransactorConfig{})
	require.NoError(b, err)
	services, err := invoicing.NewServices(transactor, time.Now, domain.Config{})
	require.NoError(b, err)
	return services
}

// benchDraft is an invoice of ten lines to one contact, which all drafts hold.
func benchDraft(b *testing.B, services invoicing.Services) domain.DraftInvoice {
	b.Helper()
	acme, err := services.Organisations.Create(b.Context(), actor, "Acme")
	require.NoError(b, err)
	ada, err := services.Contacts.Create(b.Context(), actor, acme.ID, contact.Details{FirstName: "Ada", LastName: "Byron", Email: "ada@example.org"})
	require.NoError(b, err)
	price, err := money.Parse("19.99", "EUR")
	require.NoError(b, err)
	due, err := invoice.ParseDate("9999-12-31")
	require.NoError(b, err)
	draft := domain.DraftInvoice{OrganisationID: acme.ID, ContactID: ada.ID, CurrencyCode: "EUR", DueDate: due}
	for n := range 10 {
		draft.LineItems = append(draft.LineItems, invoice.LineItem{Description: fmt.Sprintf("Consulting, part %d of 10", n+1), UnitAmount: price, Quantity: n + 1})
	}
	return draft
}
