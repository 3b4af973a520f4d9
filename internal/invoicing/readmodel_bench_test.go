package invoicing_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers"
)

// backlogSQL writes 25 organisations and 10,000 invoices of three lines, each drafted, issued and paid, many others in between.
const backlogSQL = `INSERT INTO contrail.events (stream, version, type, data, metadata)
SELECT stream, version, type, data::jsonb, '{"tenant_id":"t1","user_id":"bench"}' FROM (
	SELECT 0 AS turn, format('organisation-00000000-0000-7000-8000-%s', lpad(n::text, 12, '0')) AS stream, 1 AS version, 'OrganisationCreated' AS type,
		format('{"organisation":{"id":"00000000-0000-7000-8000-%s","name":"Organisation %s"}}', lpad(n::text, 12, '0'), n) AS data
	FROM generate_series(0, 24) n
	UNION ALL
	SELECT n + step * 1500, format('invoice-00000000-0000-7000-9000-%s', lpad(n::text, 12, '0')), step + 1,
		(ARRAY['InvoiceDrafted', 'InvoiceIssued', 'InvoicePaid'])[step + 1],
		format((ARRAY['{"invoice":{"id":"00000000-0000-7000-9000-%1$s","organisation_id":"00000000-0000-7000-8000-%2$s","contact_id":"00000000-0000-7000-a000-%2$s",
			"status":"drafted","currency_code":"EUR","due_date":"2026-01-31","sub_total":{"amount":"21.00","currency_code":"EUR"},"line_items":[
			{"description":"Tea","unit_amount_amount":"1.50","unit_amount_currency_code":"EUR","quantity":4},
			{"description":"Cup","unit_amount_amount":"7.00","unit_amount_currency_code":"EUR","quantity":2},
			{"description":"Bag","unit_amount_amount":"1.00","unit_amount_currency_code":"EUR","quantity":1}]}}',
		'{"invoice":{"id":"00000000-0000-7000-9000-%1$s","organisation_id":"00000000-0000-7000-8000-%2$s","status":"issued","issued_at":"2026-01-02T00:00:00Z"}}',
		'{"invoice":{"id":"00000000-0000-7000-9000-%1$s","organisation_id":"00000000-0000-7000-8000-%2$s","status":"paid","paid_at":"2026-01-03T00:00:00Z"}}'])[step + 1],
		lpad(n::text, 12, '0'), lpad((n % 25)::text, 12, '0'))
	FROM generate_series(1, 10000) n, generate_series(0, 2) step
) AS events ORDER BY turn`

// newBacklog is a database and a stream with those events, and the position of the newest.
func newBacklog(b *testing.B) (*pgxpool.Pool, jetstream.JetStream, contrail.Position) {
	b.Helper()
	pool := pgtest.New(b)
	_, err := invoicing.Migrate(b.Context(), pool)
	require.NoError(b, err)
	_, err = pool.Exec(b.Context(), backlogSQL)
	require.NoError(b, err)
	js, _ := natstest.JetStream(b)
	relay, err := publisher.NewRelay(pool, js, publisher.Config{})
	require.NoError(b, err)
	stop := runUntil(b, relay.Run)
	defer stop()
	var last contrail.Position
	require.NoError(b, pool.QueryRow(b.Context(), `SELECT max(position) FROM contrail.events`).Scan(&last))
	require.Eventually(b, func() bool {
		status, err := publisher.ReadStatus(b.Context(), pool, js, "EVENTS")
		return err == nil && status.LagEvents == 0
	}, patience, 10*time.Millisecond)
	return pool, js, last
}

func runUntil(b *testing.B, run func(context.Context) error) (stop func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	return func() {
		cancel()
		require.NoError(b, <-ended)
	}
}

// BenchmarkProjections has each of the three catch up with 30,025 events.
func BenchmarkProjections(b *testing.B) {
	pool, js, last := newBacklog(b)
	for name, build := range map[string]func(jetstream.JetStream, *pgxpool.Pool, subscribers.ProjectionConfig) (*subscribers.Projection, error){
		invoicing.SummaryName: invoicing.NewSummaryProjection, invoicing.OverdueName: invoicing.NewOverdueProjection, invoicing.StatementName: invoicing.NewStatementProjection,
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				_, err := pool.Exec(b.Context(), `DELETE FROM contrail.projections; TRUNCATE invoicing.summary_invoices, invoicing.summary_totals,
					invoicing.summary_organisations, invoicing.overdue_invoices, invoicing.statement_invoices, invoicing.statement_lines`)
				require.NoError(b, err)
				projection, err := build(js, pool, subscribers.ProjectionConfig{})
				require.NoError(b, err)
				b.StartTimer()
				stop := runUntil(b, projection.Run)
				require.Eventually(b, func() bool {
					at, err := subscribers.Checkpoint(b.Context(), pool, name)
					return err == nil && at == last
				}, 2*patience, 5*time.Millisecond)
				b.StopTimer()
				stop()
				b.StartTimer()
			}
			b.ReportMetric(float64(b.N)*30_025/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkReadSummary reads one organisation's summary, of 400 invoices, from many goroutines.
func BenchmarkReadSummary(b *testing.B) {
	pool, js, last := newBacklog(b)
	projection, err := invoicing.NewSummaryProjection(js, pool, subscribers.ProjectionConfig{})
	require.NoError(b, err)
	stop := runUntil(b, projection.Run)
	defer stop()
	reader := invoicing.NewReader(pool, invoicing.ReaderConfig{Wait: patience})
	const organisation = "00000000-0000-7000-8000-000000000007"
	_, err = reader.Summary(b.Context(), actor.TenantID, organisation, last)
	require.NoError(b, err)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			view, err := reader.Summary(b.Context(), actor.TenantID, organisation, 0)
			if err != nil || view.Value.Lines[0].Invoices != 400 {
				b.Errorf("%v: %v", view, err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reads/s")
}
