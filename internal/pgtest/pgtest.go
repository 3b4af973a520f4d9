package pgtest

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/localstack"
)

// New returns a pool of at most ten connections to a migrated database of the test's own. At the end of the test the pool is closed, and
// the database dropped; a connection that the test acquired and did not release by then fails it.
func New(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	pool, err := newPool(context.WithoutCancel(tb.Context()), NewURL(tb), poolSize)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		closed := make(chan struct{})
		go func() { pool.Close(); close(closed) }()
		released := time.NewTimer(10 * time.Second)
		defer released.Stop()
		select {
		case <-closed:
		case <-released.C:
			tb.Errorf("%d connections of the test's pool were acquired and never released", pool.Stat().AcquiredConns())
		}
	})
	return pool
}

// NewURL returns the URL of a migrated database of the test's own, which is dropped at the end of the test.
func NewURL(tb testing.TB) string {
	tb.Helper()
	ctx := opened(tb)
	template, err := binary.migrated(ctx)
	require.NoError(tb, err)
	return create(ctx, tb, template)
}

// Empty returns the URL of a database of the test's own in which no migration has run. It is dropped at the end of the test.
func Empty(tb testing.TB) string {
	tb.Helper()
	return create(opened(tb), tb, "")
}

// Server runs a cluster of the test's own: for tests that crash it, need other settings or read its log. It is closed at the end of the test.
func Server(tb testing.TB, config localstack.PostgresConfig) *localstack.Postgres {
	tb.Helper()
	server, err := localstack.StartPostgres(tb.Context(), config)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		if err := server.Close(); err != nil {
			tb.Errorf("close the test's cluster: %v", err)
		}
	})
	return server
}

// Dir returns an empty folder for a cluster that is to be kept, removed at the end of the test. tb.TempDir would not do: as root the
// cluster runs as another user, who can't get into that one.
func Dir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "pgtest-") //nolint:usetesting // see above
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, os.RemoveAll(dir)) })
	require.NoError(tb, os.Chmod(dir, 0o755)) //nolint:gosec // see above
	return dir
}

// opened sees to it that the cluster runs, and returns a context that outlives the test: others use what is opened here, and cleanups
// run when the test's own has ended.
func opened(tb testing.TB) context.Context {
	tb.Helper()
	ctx := context.WithoutCancel(tb.Context())
	require.NoError(tb, binary.open(ctx), "a PostgreSQL server for the tests")
	return ctx
}

func create(ctx context.Context, tb testing.TB, template string) string {
	tb.Helper()
	name := databaseName(tb.Name())
	address, err := binary.create(ctx, name, template)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		if err := binary.drop(ctx, name); err != nil {
			tb.Errorf("%v", err)
		}
	})
	return address
}

// databaseName tells in pg_stat_activity and in the log whose database it is: PostgreSQL's names have at most 63 bytes.
func databaseName(test string) string {
	words := strings.FieldsFunc(strings.ToLower(test), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	name := strings.Join(words, "_")
	return name[:min(len(name), 50)] + "_" + strings.ToLower(rand.Text()[:10])
}
