package pgfault_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgfault"
	"github.com/contrail-events/contrail/internal/pgtest"
)

const insertSQL = `INSERT INTO effects (name) VALUES ('one')`

// world is a database with a table, and a pool that has no faults.
type world struct {
	url  string
	pool *pgxpool.Pool
}

func newWorld(t *testing.T) world {
	t.Helper()
	w := world{url: pgtest.Empty(t)}
	w.pool, _ = w.open(t)
	_, err := w.pool.Exec(t.Context(), `CREATE TABLE effects (number bigint GENERATED ALWAYS AS IDENTITY, name text NOT NULL)`)
	require.NoError(t, err)
	return w
}

func (w world) open(t *testing.T, faults ...pgfault.Fault) (*pgxpool.Pool, *pgfault.Network) {
	t.Helper()
	pool, network, err := pgfault.Open(context.WithoutCancel(t.Context()), w.url, faults...)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool, network
}

// effects returns the names that were inserted, in their order.
func (w world) effects(t *testing.T) []string {
	t.Helper()
	var names []string
	err := w.pool.QueryRow(t.Context(), `SELECT coalesce(array_agg(name ORDER BY number), '{}') FROM effects`).Scan(&names)
	require.NoError(t, err)
	return names
}
