package localstack_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/localstack"
)

func TestPostgresKeptFolderIsUsedAgain(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(folder(t), "not", "yet", "there")
	first := startPostgres(t, localstack.PostgresConfig{Dir: dir})
	require.Equal(t, "on", query[string](t, first.URL(), "SELECT current_setting('fsync')"), "a kept cluster is durable")
	execute(t, first.URL(), "CREATE TABLE kept AS SELECT 42 AS answer")
	require.NoError(t, first.Close())
	info, err := os.Stat(filepath.Join(dir, "password"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	second := startPostgres(t, localstack.PostgresConfig{Dir: dir})
	require.Equal(t, 42, query[int](t, second.URL(), "SELECT answer FROM kept"))
	require.Equal(t, password(t, first), password(t, second))
	require.FileExists(t, second.LogPath()+".1", "the log of the run before")
}

func TestPostgresHalfMadeClusterIsMadeAnew(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	for _, name := range []string{"contrail-postgres.lock", "password", "data.new/PG_VERSION"} { // as a power cut during initdb leaves it
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("15\n"), 0o600))
	}
	pg := startPostgres(t, localstack.PostgresConfig{Dir: dir})
	require.Equal(t, 1, query[int](t, pg.URL(), "SELECT 1"))
	require.NoDirExists(t, filepath.Join(dir, "data.new"))
}

func TestPostgresFolderInUse(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	first := startPostgres(t, localstack.PostgresConfig{Dir: dir})
	_, err := localstack.StartPostgres(t.Context(), localstack.PostgresConfig{Dir: dir})
	require.ErrorIs(t, err, localstack.ErrInUse)
	require.ErrorContains(t, err, "of process "+strconv.Itoa(os.Getpid()))
	require.Equal(t, 1, query[int](t, first.URL(), "SELECT 1"), "the first is unharmed")
}

func TestFolderLockedByAProcessThatHasNotSaidItsName(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	lock, err := os.Create(filepath.Join(dir, "contrail-nats.lock"))
	require.NoError(t, err)
	defer func() { require.NoError(t, lock.Close()) }()
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	_, err = localstack.StartNATS(localstack.NATSConfig{Dir: dir})
	require.ErrorIs(t, err, localstack.ErrInUse)
	require.EqualError(t, err, "start NATS: "+localstack.ErrInUse.Error()+": "+dir+"; stop that one or name another folder")
}

func TestPostgresFolderInUseByAnOrphan(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	first := startPostgres(t, localstack.PostgresConfig{Dir: dir})
	lock := filepath.Join(dir, "contrail-postgres.lock")
	require.NoError(t, os.Remove(lock))
	require.NoError(t, os.WriteFile(lock, nil, 0o600))
	_, err := localstack.StartPostgres(t.Context(), localstack.PostgresConfig{Dir: dir})
	require.ErrorIs(t, err, localstack.ErrInUse)
	require.ErrorContains(t, err, "pg_ctl stop")
	require.Equal(t, 1, query[int](t, first.URL(), "SELECT 1"), "the first is unharmed")
}

func TestPostgresFolderHoldsSomethingElse(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	precious := filepath.Join(dir, "thesis.txt")
	require.NoError(t, os.WriteFile(precious, []byte("years of work"), 0o600))
	before, err := os.Stat(dir)
	require.NoError(t, err)
	_, err = localstack.StartPostgres(t.Context(), localstack.PostgresConfig{Dir: dir})
	require.ErrorIs(t, err, localstack.ErrNotOurs)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing was added or removed")
	after, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, before.Sys().(*syscall.Stat_t).Uid, after.Sys().(*syscall.Stat_t).Uid, "nor was its owner changed") //nolint:errcheck // always on Unix
}

func TestPostgresFolderOfAnotherVersion(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	pg := startPostgres(t, localstack.PostgresConfig{Dir: dir})
	require.NoError(t, pg.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("9999\n"), 0o600))
	_, err := localstack.StartPostgres(t.Context(), localstack.PostgresConfig{Dir: dir})
	require.ErrorIs(t, err, localstack.ErrOtherVersion)
	require.ErrorContains(t, err, "install PostgreSQL 9999")
	require.DirExists(t, filepath.Join(dir, "data"))
}

func password(tb testing.TB, pg *localstack.Postgres) string {
	tb.Helper()
	address, err := url.Parse(pg.URL())
	require.NoError(tb, err)
	password, _ := address.User.Password()
	require.GreaterOrEqual(tb, len(password), 20)
	return password
}
