package invoicing_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers"
)

// readModels are the three names, which are those of their checkpoints.
func readModels() []string {
	return []string{invoicing.SummaryName, invoicing.OverdueName, invoicing.StatementName}
}

// startReadModels runs a relay and the three projections until the test ends.
func startReadModels(t *testing.T, pool *pgxpool.Pool, config subscribers.ProjectionConfig) jetstream.JetStream {
	t.Helper()
	js, _ := natstest.JetStream(t)
	relay, err := publisher.NewRelay(pool, js, publisher.Config{Prefix: config.Prefix})
	require.NoError(t, err)
	inBackground(t, relay.Run)
	config.Standby = 20 * time.Millisecond
	for _, build := range []func(jetstream.JetStream, *pgxpool.Pool, subscribers.ProjectionConfig) (*subscribers.Projection, error){
		invoicing.NewSummaryProjection, invoicing.NewOverdueProjection, invoicing.NewStatementProjection,
	} {
		projection, err := build(js, pool, config)
		require.NoError(t, err)
		inBackground(t, projection.Run)
	}
	return js
}

// newest is the position of the newest event.
func newest(t *testing.T, pool *pgxpool.Pool) (position contrail.Position) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT max(position) FROM contrail.events`).Scan(&position))
	return position
}

// awaitReadModels waits until all three have come to a position.
func awaitReadModels(t *testing.T, pool *pgxpool.Pool, position contrail.Position) {
	t.Helper()
	for _, name := range readModels() {
		require.Eventually(t, func() bool {
			at, err := subscribers.Checkpoint(t.Context(), pool, name)
			return err == nil && at >= position
		}, patience, 5*time.Millisecond, name)
	}
}

// projectAll has the handlers of the three project events in one transaction, as the projections would.
func projectAll(ctx context.Context, pool *pgxpool.Pool, events []contrail.Recorded) error {
	delivered := make([]contrail.Delivered[json.RawMessage], len(events))
	for i, event := range events {
		delivered[i] = contrail.Delivered[json.RawMessage]{Recorded: event, Data: event.Data}
	}
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL search_path = invoicing`); err != nil {
			return err
		}
		for name, project := range invoicing.ProjectFuncs() {
			if err := project(ctx, tx, delivered); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
}

// content is all rows of all tables of the read models, but for counters that have come back to zero.
func content(t *testing.T, pool *pgxpool.Pool) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for table, where := range map[string]string{
		"summary_invoices": "", "summary_totals": "WHERE t.invoices <> 0", "summary_organisations": "", "overdue_invoices": "",
		"statement_invoices": "", "statement_lines": "",
	} {
		rows, _ := pool.Query(t.Context(), `SELECT t::text FROM invoicing.`+table+` t `+where+` ORDER BY 1`)
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		all[table] = texts
	}
	return all
}

func emptyReadModels(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	_, err := pool.Exec(t.Context(), `TRUNCATE invoicing.summary_invoices, invoicing.summary_totals, invoicing.summary_organisations,
		invoicing.overdue_invoices, invoicing.statement_invoices, invoicing.statement_lines`)
	require.NoError(t, err)
}

// Events in a random order, in batches of any size, make the same rows: what a relay has left out comes out of its order.
func TestReadModelsInAnyOrder(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	enact(t, pool, 60)
	renameAll(t, pool)
	events := recorded(t, pool)
	require.NoError(t, projectAll(t.Context(), pool, events))
	inOrder := content(t, pool)
	for table, rows := range inOrder {
		require.NotEmpty(t, rows, table)
	}
	for round := range 5 {
		emptyReadModels(t, pool)
		rand.Shuffle(len(events), func(a, b int) { events[a], events[b] = events[b], events[a] })
		for rest := events; len(rest) > 0; {
			size := 1 + rand.IntN(min(len(rest), 40))
			require.NoError(t, projectAll(t.Context(), pool, rest[:size]))
			rest = rest[size:]
		}
		require.Equal(t, inOrder, content(t, pool), "round %d", round)
	}
	comparison, err := invoicing.Compare(t.Context(), pool, actor.TenantID)
	require.NoError(t, err)
	require.Equal(t, invoicing.Comparison{Organisations: 3, Invoices: 60, Differences: []string{}, OK: true}, comparison)
}

// renameAll gives every organisation two other names, one after the other.
func renameAll(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	services, err := invoicing.NewServices(newTransactor(t, pool), time.Now, domain.Config{})
	require.NoError(t, err)
	for _, event := range recorded(t, pool) {
		if event.Type == "OrganisationCreated" {
			for _, name := range []string{"Former", "Today"} {
				_, err := services.Organisations.Rename(t.Context(), actor, event.Stream.ID(), name)
				require.NoError(t, err)
			}
		}
	}
}

// The whole way: relay and projections at once.
func TestReadModelsAreWhatTheAggregatesSay(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	startReadModels(t, pool, subscribers.ProjectionConfig{Prefix: "billing"})
	enact(t, pool, 30)
	awaitReadModels(t, pool, newest(t, pool))

	comparison, err := invoicing.Compare(t.Context(), pool, actor.TenantID)
	require.NoError(t, err)
	require.Equal(t, invoicing.Comparison{Organisations: 3, Invoices: 30, Differences: []string{}, OK: true}, comparison)
	checkStatement(t, pool, recorded(t, pool))

	for _, spoil := range []struct{ sql, about string }{
		{`UPDATE invoicing.summary_totals SET amount = amount + 1 WHERE status = 'paid'`, "invoice-summary of organisation"},
		{`UPDATE invoicing.summary_organisations SET name = 'Another'`, `"Another" has`},
		{`UPDATE invoicing.summary_totals SET invoices = 0 WHERE status = 'voided'`, "the read model says nothing"},
		{`UPDATE invoicing.overdue_invoices SET due_date = '2030-01-01'`, "is due on 2030-01-01"},
		{`UPDATE invoicing.overdue_invoices SET deleted_at = now() WHERE status = 'issued'`, "overdue: invoice"},
		{`UPDATE invoicing.statement_lines SET balance = balance + 0.5`, "the last line tells EUR 13.10"},
		{`UPDATE invoicing.statement_lines SET amount = amount * 2`, "the read model says it is owed EUR 125.20"},
	} {
		_, err := pool.Exec(t.Context(), spoil.sql)
		require.NoError(t, err)
		comparison, err := invoicing.Compare(t.Context(), pool, actor.TenantID)
		require.NoError(t, err)
		require.False(t, comparison.OK)
		require.Contains(t, strings.Join(comparison.Differences, "\n"), spoil.about)
	}
	nobody, err := invoicing.Compare(t.Context(), pool, "nobody")
	require.NoError(t, err)
	require.True(t, nobody.OK, "another tenant's are none of its business")
}

// Events that somebody inserted by hand, and that the domain would not have written, stop no read model: each of them is told of, and what makes
// sense is shown.
func TestWhatMakesNoSenseIsLeftOut(t *testing.T) {
	t.Parallel()
	pool, warnings := newPool(t), &warned{}
	startReadModels(t, pool, subscribers.ProjectionConfig{Logger: slog.New(slog.NewJSONHandler(warnings, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	body := func(change string) string {
		return fmt.Sprintf(`jsonb_build_object('invoice', '{"id":"x","organisation_id":"o","contact_id":"c","status":"drafted","currency_code":"EUR",
			"due_date":"2026-01-31","line_items":[],"sub_total":{"amount":"1.00","currency_code":"EUR"}}'::jsonb || '%s'::jsonb)`, change)
	}
	tenant := `{"tenant_id":"t1"}`
	senseless := []struct{ stream, eventType, data, metadata string }{
		{"invoice-a", "Plain", `'{}'`, tenant},
		{"invoice-b", "InvoiceDrafted", `'[]'`, tenant},
		{"invoice-c", "InvoiceDrafted", `'{}'`, tenant},
		{"invoice-d", "InvoiceIssued", `'{}'`, tenant},
		{"invoice-e", "InvoiceDrafted", body(`{}`), `{}`},
		{"invoice-f", "InvoiceDrafted", body(`{"organisation_id":""}`), tenant},
		{"invoice-g", "InvoiceDrafted", body(`{"organisation_id":"` + strings.Repeat("long", 1000) + `"}`), tenant},
		{"invoice-h", "InvoiceDrafted", body(`{"status":"approved"}`), tenant},
		{"invoice-i", "InvoiceDrafted", body(`{"currency_code":"USD"}`), tenant},
		{"invoice-j", "InvoiceDrafted", body(`{"sub_total":{"amount":"1","currency_code":"GELD"}}`), tenant},
		{"invoice-k", "InvoiceDrafted", body(`{"due_date":"0000-01-01"}`), tenant},
		{"invoice-l", "InvoiceDeleted", `'{"invoice":{"id":"l","organisation_id":"o"}}'`, tenant},
		{"invoice-m", "InvoiceDrafted", body(`{}`), `{"tenant_id":"` + strings.Repeat("t", 3000) + `"}`},
		{"invoice-n", "InvoicePaid", `'{"invoice":{"id":"n","organisation_id":"other","status":"paid","paid_at":"2026-01-01T00:00:00Z"}}'`, tenant},
		{"invoice-n", "InvoicePaid", `'{"invoice":{"id":"n","organisation_id":"o","status":"paid","paid_at":"2026-01-01T00:00:00Z"}}'`, `{"tenant_id":"t2"}`},
	}
	_, err := pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data, metadata)
		VALUES ('invoice-n', 1, 'InvoiceDrafted', (`+body(`{}`)+`)::jsonb, '`+tenant+`')`)
	require.NoError(t, err)
	for i, event := range senseless {
		_, err := pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data, metadata)
			VALUES ('`+event.stream+`', `+strconv.Itoa(i+2)+`, '`+event.eventType+`', (`+event.data+`)::jsonb, '`+event.metadata+`')`)
		require.NoError(t, err, event.stream)
	}
	enact(t, pool, 20)
	awaitReadModels(t, pool, newest(t, pool))
	require.Equal(t, 3*len(senseless), warnings.count("makes no sense"))

	summaries, err := invoicing.ReadSummaries(t.Context(), pool, actor.TenantID)
	require.NoError(t, err)
	require.Len(t, summaries, 4)
	require.Equal(t, "o", summaries[3].OrganisationID, "one without a name comes last")
	require.Len(t, summaries[3].Lines, 1)
	require.Equal(t, "EUR 1.00", summaries[3].Lines[0].SubTotal.String())
	comparison, err := invoicing.Compare(t.Context(), pool, "t2")
	require.NoError(t, err)
	require.True(t, comparison.OK || comparison.Invoices > 0)
}

// warned takes what is logged.
type warned struct {
	mu   sync.Mutex
	text strings.Builder
}

func (w *warned) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(text)
}

func (w *warned) count(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Count(w.text.String(), what)
}

// checkStatement: one line a movement, in global order, and a draft that is voided or deleted moves nothing.
func checkStatement(t *testing.T, pool *pgxpool.Pool, events []contrail.Recorded) {
	t.Helper()
	movements := map[contrail.Position]string{}
	organisations := map[string]bool{}
	for _, event := range events {
		switch name := strings.ToLower(strings.TrimPrefix(event.Type, "Invoice")); name {
		case "issued", "paid", "voided", "deleted":
			movements[event.Position] = name
		case "organisationcreated":
			organisations[event.Stream.ID()] = true
		}
	}
	found := 0
	reader := invoicing.NewReader(pool, invoicing.ReaderConfig{})
	for id := range organisations {
		last := contrail.Position(0)
		for _, line := range statementOf(t, reader, id) {
			require.Equal(t, movements[line.Position], line.Movement)
			require.Greater(t, line.Position, last)
			require.Equal(t, line.Movement != "issued" && !line.Amount.IsZero(), line.Amount.IsNegative())
			require.False(t, line.Balance.IsNegative())
			last = line.Position
			found++
		}
	}
	require.Len(t, movements, found)
}

// statementOf reads an organisation's statement page by page.
func statementOf(t *testing.T, reader *invoicing.Reader, organisationID string) (lines []invoicing.StatementLine) {
	t.Helper()
	for page := (invoicing.StatementPage{Limit: 3}); ; {
		view, err := reader.Statement(t.Context(), actor.TenantID, organisationID, page, 0)
		require.NoError(t, err)
		lines = append(lines, view.Value.Lines...)
		if page.After = view.Value.Next; page.After == 0 {
			return lines
		}
		require.Len(t, view.Value.Lines, 3)
	}
}
