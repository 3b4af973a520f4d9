package pgtest_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgtest"
)

func connect(tb testing.TB, address string) *pgx.Conn {
	tb.Helper()
	config, err := pgx.ParseConfig(address)
	require.NoError(tb, err)
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(tb.Context(), config)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func value[T any](tb testing.TB, db querier, sql string) (value T) {
	tb.Helper()
	require.NoError(tb, db.QueryRow(tb.Context(), sql).Scan(&value))
	return value
}

func pidOf(tb testing.TB, db querier) int {
	tb.Helper()
	return value[int](tb, db, "SELECT pg_backend_pid()")
}

func TestPoolerKeepsTransactionsAndNotSessions(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Pooler(t, pgtest.Empty(t), 2))
	first := pidOf(t, conn)
	require.NotEqual(t, first, pidOf(t, conn), "they take turns")
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	one := pidOf(t, tx)
	_, err = tx.Exec(t.Context(), "SELECT 1/$1::int", 0)
	require.ErrorContains(t, err, "division by zero")
	require.NoError(t, tx.Rollback(t.Context()))
	require.NotEqual(t, one, pidOf(t, conn))

	_, err = conn.Exec(t.Context(), "SET application_name = 'mine'") // on one of the two
	require.NoError(t, err)
	var names []string
	for range 2 {
		names = append(names, value[string](t, conn, "SHOW application_name"))
	}
	require.Contains(t, names, "mine")
	require.NotEqual(t, names[0], names[1])
}

// What a driver prepares on one connection is unknown on the next.
func TestPoolerKeepsNoPreparedStatements(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Pooler(t, pgtest.Empty(t), 2))
	_, err := conn.Exec(t.Context(), "SELECT $1::int", pgx.QueryExecModeCacheStatement, 1)
	var refusal *pgconn.PgError
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, "26000", refusal.Code)
}

func TestPoolerServesMoreClientsThanItHasConnections(t *testing.T) {
	t.Parallel()
	address := pgtest.Pooler(t, pgtest.Empty(t), 2)
	_, err := connect(t, address).Exec(t.Context(), "CREATE TABLE kept (client int, n int)")
	require.NoError(t, err)
	const clients, rounds = 8, 20
	var group sync.WaitGroup
	for client := range clients {
		conn := connect(t, address)
		group.Go(func() {
			for n := range rounds {
				if err := round(t.Context(), conn, client, n); err != nil {
					t.Errorf("client %d: %v", client, err)
				}
			}
		})
	}
	group.Wait()
	require.Equal(t, clients*rounds*4, value[int](t, connect(t, address), "SELECT count(*)::int FROM kept"))
	require.LessOrEqual(t, value[int](t, connect(t, address), "SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database()"), 2)
}

// round inserts four rows: by statements in a transaction, in a batch, and by COPY.
func round(ctx context.Context, conn *pgx.Conn, client, n int) error {
	const insert = "INSERT INTO kept VALUES ($1, $2)"
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, insert, client, n)
		return err
	})
	if err != nil {
		return err
	}
	batch := &pgx.Batch{}
	batch.Queue(insert, client, n)
	batch.Queue(insert, client, n)
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	_, err = conn.CopyFrom(ctx, pgx.Identifier{"kept"}, []string{"client", "n"}, pgx.CopyFromRows([][]any{{client, n}}))
	return err
}

// A client that goes in the middle of a transaction leaves nothing behind, and its place is filled again.
func TestPoolerRollsBackWhatAClientLeaves(t *testing.T) {
	t.Parallel()
	address := pgtest.Pooler(t, pgtest.Empty(t), 1)
	leaving := connect(t, address)
	_, err := leaving.Exec(t.Context(), "BEGIN; CREATE TABLE kept (n int)")
	require.NoError(t, err)
	require.NoError(t, leaving.Close(t.Context()))
	staying := connect(t, address)
	before := pidOf(t, staying)
	require.False(t, value[bool](t, connect(t, address), "SELECT to_regclass('kept') IS NOT NULL"))

	_, err = staying.Exec(t.Context(), "BEGIN; SELECT pg_terminate_backend(pg_backend_pid())")
	require.Error(t, err)
	require.NotEqual(t, before, pidOf(t, connect(t, address)), "a server process that ended is replaced")
}

func TestPoolerPassesCancellationsOn(t *testing.T) {
	t.Parallel()
	address := pgtest.Pooler(t, pgtest.Empty(t), 1)
	conn := connect(t, address)
	timer := time.AfterFunc(100*time.Millisecond, func() { _ = conn.PgConn().CancelRequest(context.WithoutCancel(t.Context())) })
	defer timer.Stop()
	_, err := conn.Exec(t.Context(), "SELECT pg_sleep(60)")
	var refusal *pgconn.PgError
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, "57014", refusal.Code)
	require.Positive(t, pidOf(t, conn), "it goes on")
}
