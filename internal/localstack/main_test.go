package localstack_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/contrail-events/contrail/internal/localstack"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimVariable); dir != "" {
		victim(dir)
	}
	goleak.VerifyTestMain(m)
}

// victimVariable makes this test binary start a cluster in the named folder, print its address and wait to be killed.
const victimVariable = "LOCALSTACK_TEST_VICTIM"

func victim(dir string) {
	pg, err := localstack.StartPostgres(context.Background(), localstack.PostgresConfig{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(pg.URL())
	select {}
}

// folder returns an empty folder that every user can reach, which t.TempDir is not.
func folder(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "localstack-test-") //nolint:usetesting // see above
	require.NoError(tb, err)
	require.NoError(tb, os.Chmod(dir, 0o755))
	tb.Cleanup(func() { require.NoError(tb, os.RemoveAll(dir)) })
	return dir
}

func startPostgres(tb testing.TB, config localstack.PostgresConfig) *localstack.Postgres {
	tb.Helper()
	pg, err := localstack.StartPostgres(tb.Context(), config)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, pg.Close()) })
	return pg
}

// query runs one statement, on a connection of its own, and returns its one value, if any.
func query[T any](tb testing.TB, url, sql string, args ...any) (value T) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	require.NoError(tb, err)
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, sql, args...)
	require.NoError(tb, err)
	values, err := pgx.CollectRows(rows, pgx.RowTo[T])
	require.NoError(tb, err)
	if len(values) > 0 {
		value = values[0]
	}
	return value
}

func execute(tb testing.TB, url, sql string) {
	tb.Helper()
	query[any](tb, url, sql)
}

func connect(ctx context.Context, url string) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return pgx.Connect(ctx, url)
}
