package invoicing_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers"
)

// Events that arrive in a random order, each of them twice, as they may when processes share a durable and die, make the same rows.
func TestSummaryInAnyOrder(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	js, _ := natstest.JetStream(t)
	enact(t, pool, 60)
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: wire.DefaultStream, Subjects: []string{"events.>"}})
	require.NoError(t, err)
	events := recorded(t, pool)
	events = append(events, events...)
	rand.Shuffle(len(events), func(a, b int) { events[a], events[b] = events[b], events[a] })
	handled := 0
	for _, event := range events {
		_, err := js.Publish(t.Context(), wire.Subject("events", event), wire.Append(nil, wire.Source("", uuid.Nil), event))
		require.NoError(t, err)
		if event.Stream.Category() != "contact" {
			handled++
		}
	}
	sub, err := invoicing.NewSummarySubscription(js, pool, subscribers.Config{})
	require.NoError(t, err)
	inBackground(t, sub.Run)
	require.Eventually(t, func() bool {
		stats := sub.Stats()
		return stats.Handled+stats.Duplicates >= int64(handled)
	}, patience, 10*time.Millisecond)
	require.EqualValues(t, handled/2, sub.Stats().Handled)

	comparison, err := invoicing.Compare(t.Context(), pool, actor.TenantID)
	require.NoError(t, err)
	require.Equal(t, 60, comparison.Invoices)
	for _, difference := range comparison.Differences { // no projection runs here
		require.True(t, strings.HasPrefix(difference, "statement "), difference)
	}
	var behind int
	const sql = `SELECT count(*) FROM invoicing.invoices i
		WHERE version <> (SELECT max(e.version) FROM contrail.events e WHERE e.stream = 'invoice-' || i.id)`
	require.NoError(t, pool.QueryRow(t.Context(), sql).Scan(&behind))
	require.Zero(t, behind)
}

// The whole way: relay, subscription and projection at once.
func TestReadModelsAreWhatTheAggregatesSay(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	js, _ := natstest.JetStream(t)
	relay, err := publisher.NewRelay(pool, js, publisher.Config{Prefix: "billing"})
	require.NoError(t, err)
	inBackground(t, relay.Run)
	sub, err := invoicing.NewSummarySubscription(js, pool, subscribers.Config{Prefix: "billing"})
	require.NoError(t, err)
	inBackground(t, sub.Run)
	projection, err := invoicing.NewStatementProjection(js, pool, subscribers.ProjectionConfig{Prefix: "billing"})
	require.NoError(t, err)
	inBackground(t, projection.Run)
	enact(t, pool, 30)
	events := recorded(t, pool)
	require.Eventually(t, func() bool {
		checkpoint, err := subscribers.Checkpoint(t.Context(), pool, invoicing.StatementName)
		return err == nil && checkpoint == events[len(events)-1].Position && sub.Stats().Handled == int64(len(events)-3)
	}, patience, 10*time.Millisecond)

	comparison, err := invoicing.Compare(t.Context(), pool, actor.TenantID)
	require.NoError(t, err)
	require.Equal(t, invoicing.Comparison{Organisations: 3, Invoices: 30, Differences: []string{}, OK: true}, comparison)
	checkStatement(t, pool, events)

	for spoil, about := range map[string]string{
		`UPDATE invoicing.invoices SET sub_total = sub_total + 1 WHERE status = 'paid'`: "invoice-summary of organisation",
		`UPDATE invoicing.statement_lines SET amount = amount * 2`:                      "statement of organisation",
		`UPDATE invoicing.organisations SET name = 'Another'`:                           `"Another" has`,
		`UPDATE invoicing.invoices SET deleted_at = now() WHERE status = 'voided'`:      "the read model says nothing",
	} {
		_, err := pool.Exec(t.Context(), spoil)
		require.NoError(t, err)
		comparison, err := invoicing.Compare(t.Context(), pool, actor.TenantID)
		require.NoError(t, err)
		require.False(t, comparison.OK)
		require.Contains(t, strings.Join(comparison.Differences, "\n"), about)
	}
	nobody, err := invoicing.Compare(t.Context(), pool, "nobody")
	require.NoError(t, err)
	require.True(t, nobody.OK, "another tenant's are none of its business")
}

// Events that somebody inserted by hand, and that the domain would not have written, stop nobody's statement.
func TestStatementLeavesOutWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	js, _ := natstest.JetStream(t)
	relay, err := publisher.NewRelay(pool, js, publisher.Config{})
	require.NoError(t, err)
	inBackground(t, relay.Run)
	projection, err := invoicing.NewStatementProjection(js, pool, subscribers.ProjectionConfig{})
	require.NoError(t, err)
	inBackground(t, projection.Run)
	_, err = pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data, metadata) VALUES
		('invoice-a', 1, 'Plain', '{}', '{}'), ('invoice-b', 1, 'InvoiceDrafted', '[]', '{}'), ('invoice-c', 1, 'InvoiceDrafted', '{}', '{}'),
		('invoice-d', 1, 'InvoicePaid', '{"invoice":{"id":"d","status":"paid"}}', '{"tenant_id":"acme"}'), ('invoice-e', 1, 'InvoiceIssued', '{}', '{}')`)
	require.NoError(t, err)
	enact(t, pool, 20)
	last := recorded(t, pool)
	require.Eventually(t, func() bool {
		checkpoint, err := subscribers.Checkpoint(t.Context(), pool, invoicing.StatementName)
		return err == nil && checkpoint == last[len(last)-1].Position
	}, patience, 10*time.Millisecond)
	var lines int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM invoicing.statement_lines`).Scan(&lines))
	require.NotZero(t, lines)
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
	for id := range organisations {
		lines, err := invoicing.ReadStatement(t.Context(), pool, actor.TenantID, id)
		require.NoError(t, err)
		last := contrail.Position(0)
		for _, line := range lines {
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
