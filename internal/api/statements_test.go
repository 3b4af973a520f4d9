package api_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// statementCounter counts what is sent to the database.
type statementCounter struct{ sent atomic.Int64 }

func (c *statementCounter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.sent.Add(1)
	return ctx
}

func (c *statementCounter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// No request needs more statements for more invoices.
func TestStatementBudget(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	_, err := invoicing.Migrate(t.Context(), pool)
	require.NoError(t, err)
	var counter statementCounter
	config := pool.Config()
	config.ConnConfig.Tracer = &counter
	counted, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(counted.Close)
	s := serve(t, counted)
	organisation := s.organisation(t)
	contact := s.contact(t, organisation)
	for range 30 {
		s.command(t, http.MethodPost, "/accountify/invoice", draft(organisation, contact))
	}
	sent := func(do func()) int64 {
		before := counter.sent.Load()
		do()
		return counter.sent.Load() - before
	}
	for path, budget := range map[string]int64{ // BEGIN and COMMIT are two of them
		"/accountify/invoice?limit=200":                         4,
		"/accountify/invoice?limit=1":                           4,
		"/accountify/organisation/" + organisation:              4,
		"/accountify/organisation/" + organisation + "/summary": 1,
	} {
		require.LessOrEqual(t, sent(func() { s.get(t, path) }), budget, path)
	}
	require.LessOrEqual(t, sent(func() { s.command(t, http.MethodPost, "/accountify/invoice", draft(organisation, contact)) }), int64(8), "a draft")
}
