package pgtest_test

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.M{M: m}) }

func query[T any](tb testing.TB, url, sql string, args ...any) T {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), url)
	require.NoError(tb, err)
	defer func() { _ = conn.Close(tb.Context()) }()
	var value T
	require.NoError(tb, conn.QueryRow(tb.Context(), sql, args...).Scan(&value))
	return value
}

func TestNewIsMigratedAndTheTestsOwn(t *testing.T) {
	t.Parallel()
	const insert = "INSERT INTO contrail.events (stream, version, type, data) VALUES ('invoice-1', 1, 'InvoiceDrafted', '{}')"
	for n := range 8 {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			_, err := pool.Exec(t.Context(), insert)
			require.NoError(t, err)
			var events int
			require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM contrail.events").Scan(&events))
			require.Equal(t, 1, events, "no other test's")
			require.EqualValues(t, 10, pool.Config().MaxConns)
		})
	}
}

func TestEmptyIsNotMigrated(t *testing.T) {
	t.Parallel()
	require.False(t, query[bool](t, pgtest.Empty(t), "SELECT to_regnamespace('contrail') IS NOT NULL"))
	require.True(t, query[bool](t, pgtest.NewURL(t), "SELECT to_regnamespace('contrail') IS NOT NULL"))
}

func TestDatabaseIsDroppedWithConnectionsOpen(t *testing.T) {
	t.Parallel()
	const exists = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"
	outer, name := pgtest.Empty(t), ""
	t.Run("inner", func(t *testing.T) { // not parallel: what follows is about its end
		address := pgtest.NewURL(t)
		name = query[string](t, address, "SELECT current_database()")
		left, err := pgx.Connect(t.Context(), address)
		require.NoError(t, err)
		t.Cleanup(func() { _ = left.Close(context.Background()) })
		require.True(t, query[bool](t, outer, exists, name))
	})
	require.Contains(t, name, "testdatabaseisdroppedwithconnectionsopen_inner")
	require.False(t, query[bool](t, outer, exists, name))
}

func TestServerIsTheTestsOwn(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, localstack.PostgresConfig{Settings: map[string]string{"log_statement": "all"}})
	require.Equal(t, 12345, query[int](t, server.URL(), "SELECT 12345"))
	log, err := os.ReadFile(server.LogPath())
	require.NoError(t, err)
	require.Contains(t, string(log), "SELECT 12345")
}

func TestDirKeepsACluster(t *testing.T) {
	t.Parallel()
	dir := pgtest.Dir(t)
	require.NoError(t, pgtest.Server(t, localstack.PostgresConfig{Dir: dir}).Close())
	require.Equal(t, 1, query[int](t, pgtest.Server(t, localstack.PostgresConfig{Dir: dir}).URL(), "SELECT 1"))
}

// The variable makes the test below run itself in this test binary a second time.
const nested = "PGTEST_NESTED"

func TestDatabaseURLNamesTheServer(t *testing.T) {
	t.Parallel()
	if os.Getenv(nested) != "" {
		require.Equal(t, "yes", query[string](t, pgtest.NewURL(t), "SELECT current_setting('contrail.given', true)"))
		return
	}
	server := pgtest.Server(t, localstack.PostgresConfig{Settings: map[string]string{"contrail.given": "yes"}})
	again := func(address string) (string, error) {
		program := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		program.Env = append(os.Environ(), nested+"=1", "DATABASE_URL="+address)
		output, err := program.CombinedOutput()
		return string(output), err
	}
	output, err := again(server.URL())
	require.NoError(t, err, output)
	require.Equal(t, "contrail postgres", query[string](t, server.URL(),
		"SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE NOT datistemplate"), "nothing is left there")

	require.NoError(t, server.Stop())
	output, err = again(server.URL())
	require.Error(t, err, "no server: the run fails")
	require.Contains(t, output, "--- FAIL: "+t.Name())
	require.NotContains(t, output, "--- SKIP")

	output, err = again("host=localhost password=secret")
	require.Error(t, err)
	require.Contains(t, output, "DATABASE_URL must be a URL")
	require.NotContains(t, strings.ReplaceAll(output, "password@", ""), "secret")
}
