package invoicing_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/pgtest"
)

const patience = 30 * time.Second

var actor = domain.Actor{TenantID: "t1", UserID: "tester"}

// newPool is a migrated database, the example's schema included.
func newPool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := pgtest.New(t)
	_, err := invoicing.Migrate(t.Context(), pool)
	require.NoError(t, err)
	return pool
}

func newImporter(t *testing.T, pool *pgxpool.Pool) *invoicing.Importer {
	t.Helper()
	transactor, err := invoicing.NewTransactor(pool, invoicing.TransactorConfig{})
	require.NoError(t, err)
	return invoicing.NewImporter(transactor, actor, 4)
}

// line is one invoice of two items, in one of two organisations and currencies.
func line(n int) string {
	currency, amount, total := "EUR", "2.50", fmt.Sprintf("%d.%02d", (250*(n+1)+10)/100, (250*(n+1)+10)%100)
	extra := "0.10"
	if n%2 == 1 {
		currency, amount, extra, total = "JPY", "250", "10", strconv.Itoa(250*(n+1)+10)
	}
	return fmt.Sprintf(`{"reference":"i-%d","organisation":{"reference":"o-%[2]d","name":"Organisation %[2]d"},"contact":{"reference":"c-1",`+
		`"first_name":"Ada","last_name":"Byron","email":"ada@example.org"},"currency_code":%[3]q,"due_date":"2026-01-31","line_items":[`+
		`{"description":"Tea","unit_amount":{"amount":%[4]q,"currency_code":%[3]q},"quantity":%[5]d},`+
		`{"description":"Bag","unit_amount":{"amount":%[6]q,"currency_code":%[3]q},"quantity":1}],"sub_total":{"amount":%[7]q,"currency_code":%[3]q}}`,
		n, n%3, currency, amount, n+1, extra, total)
}

func readInput(t *testing.T, invoices int) invoicing.Input {
	t.Helper()
	var text strings.Builder
	for n := range invoices {
		text.WriteString(line(n) + "\n")
	}
	input, err := invoicing.ReadInput(strings.NewReader(text.String()), invoicing.InputConfig{})
	require.NoError(t, err)
	require.Empty(t, input.Rejected)
	return input
}

// enact imports so many invoices and takes them through all steps.
func enact(t *testing.T, pool *pgxpool.Pool, invoices int) {
	t.Helper()
	input, importer := readInput(t, invoices), newImporter(t, pool)
	_, err := importer.Organisations(t.Context(), input)
	require.NoError(t, err)
	_, err = importer.Contacts(t.Context(), input)
	require.NoError(t, err)
	created, err := importer.Invoices(t.Context(), input)
	require.NoError(t, err)
	require.Equal(t, invoicing.Created{New: invoices}, created)
	for _, step := range invoicing.Steps() {
		_, err := invoicing.NewLifecycle(importer).Take(t.Context(), step, input)
		require.NoError(t, err)
	}
}

// inBackground runs a part of the system until the test ends, and fails the test if it fails.
func inBackground(t *testing.T, run func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// recorded reads all events in position order.
func recorded(t *testing.T, pool *pgxpool.Pool) []contrail.Recorded {
	t.Helper()
	rows, err := pool.Query(t.Context(), `SELECT position, id, stream, version, type, data, metadata, recorded_at FROM contrail.events ORDER BY position`)
	require.NoError(t, err)
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e contrail.Recorded, err error) {
		var stream string
		var data []byte
		if err = row.Scan(&e.Position, &e.ID, &stream, &e.Version, &e.Type, &data, &e.Metadata, &e.RecordedAt); err == nil {
			e.Data = data
			e.Stream, err = contrail.ParseStreamID(stream)
		}
		return e, err
	})
	require.NoError(t, err)
	return events
}
