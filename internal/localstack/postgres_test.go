package localstack_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/localstack"
)

func TestPostgresServesWhatItPromises(t *testing.T) {
	t.Parallel()
	pg := startPostgres(t, localstack.PostgresConfig{Settings: map[string]string{"max_connections": "33", "work_mem": "5MB"}})
	for setting, want := range map[string]string{
		"max_connections": "33", "work_mem": "5MB", "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
		"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on", "server_encoding": "UTF8", "TimeZone": "UTC",
	} {
		require.Equal(t, want, query[string](t, pg.URL(), "SELECT current_setting($1)", setting), setting)
	}
	require.Equal(t, "C/contrail", query[string](t, pg.URL(),
		"SELECT datcollate || '/' || datname FROM pg_database WHERE datname = current_database()"))
	require.Equal(t, "scram-sha-256", query[string](t, pg.URL(), "SELECT string_agg(DISTINCT auth_method, ' ') FROM pg_hba_file_rules"))
}

func TestPostgresTakesNoOtherPassword(t *testing.T) {
	t.Parallel()
	pg := startPostgres(t, localstack.PostgresConfig{})
	address, err := url.Parse(pg.URL())
	require.NoError(t, err)
	address.User = url.UserPassword("postgres", "guessed")
	_, err = connect(t.Context(), address.String())
	require.ErrorContains(t, err, "password authentication failed")
}

func TestPostgresDatabaseURLNamesAnotherDatabase(t *testing.T) {
	t.Parallel()
	pg := startPostgres(t, localstack.PostgresConfig{})
	execute(t, pg.URL(), `CREATE DATABASE "a b/c?"`)
	require.Equal(t, "a b/c?", query[string](t, pg.DatabaseURL("a b/c?"), "SELECT current_database()"))
}

func TestPostgresTemporaryFolderGoesWithClose(t *testing.T) {
	t.Parallel()
	pg := startPostgres(t, localstack.PostgresConfig{})
	dir, pid := pg.Folder(), pg.PID()
	require.DirExists(t, dir)
	require.NoError(t, syscall.Kill(pid, 0))
	require.NoError(t, pg.Close())
	require.NoError(t, pg.Close(), "a second Close does nothing")
	require.NoDirExists(t, dir)
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
	require.ErrorIs(t, pg.Restart(t.Context()), localstack.ErrClosed)
	require.ErrorIs(t, pg.Stop(), localstack.ErrClosed)
	require.NoError(t, (*localstack.Postgres)(nil).Close())
}

func TestPostgresTwoAtOnce(t *testing.T) {
	t.Parallel()
	var servers [2]*localstack.Postgres
	var faults [2]error
	var both sync.WaitGroup
	for i := range servers {
		both.Go(func() { servers[i], faults[i] = localstack.StartPostgres(t.Context(), localstack.PostgresConfig{}) })
	}
	both.Wait()
	for i := range servers {
		t.Cleanup(func() { require.NoError(t, servers[i].Close()) })
		require.NoError(t, faults[i])
	}
	require.NotEqual(t, servers[0].URL(), servers[1].URL())
	execute(t, servers[0].URL(), "CREATE TABLE only_here ()")
	require.Nil(t, query[*string](t, servers[1].URL(), "SELECT to_regclass('only_here')::text"))
}

// A server outlives the program that started it where there is no parent-death signal. Here the lock's file is replaced, so that
// nothing but the server's own pid file is left to tell.
func TestPostgresFailingStartTellsTheLog(t *testing.T) {
	t.Parallel()
	_, err := localstack.StartPostgres(t.Context(), localstack.PostgresConfig{Settings: map[string]string{"work_mem": "many"}})
	require.ErrorContains(t, err, `postgres ended (exit status 1)`)
	require.ErrorContains(t, err, `invalid value for parameter "work_mem": "many"`)
	require.NotContains(t, err.Error(), "\n", "one sentence")
}

func TestPostgresConfigFaultsAreToldAtOnce(t *testing.T) {
	t.Parallel()
	_, err := localstack.StartPostgres(t.Context(), localstack.PostgresConfig{
		Settings: map[string]string{"port": "1", "a b": "1", "work_mem": "\x00"},
	})
	for _, fault := range []string{"port is not yours", `"a b" is not the name`, "work_mem has a NUL"} {
		require.ErrorContains(t, err, "in Settings: ")
		require.ErrorContains(t, err, fault)
	}
}

func TestPostgresCommitsSurviveKill(t *testing.T) {
	t.Parallel()
	pg := startPostgres(t, localstack.PostgresConfig{Durable: true})
	address, pid := pg.URL(), pg.PID()
	execute(t, address, "CREATE TABLE survives (n int)")
	conn, err := connect(t.Context(), address)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	for n := range 50 {
		_, err := conn.Exec(t.Context(), "INSERT INTO survives VALUES ($1)", n)
		require.NoError(t, err)
	}
	require.NoError(t, pg.Kill())
	require.NoError(t, pg.Kill(), "a second one finds nothing to do")
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
	require.Error(t, conn.Ping(t.Context()))
	_, err = connect(t.Context(), address)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)

	require.NoError(t, pg.Restart(t.Context()))
	require.Equal(t, address, pg.URL())
	require.Equal(t, 50, query[int](t, address, "SELECT count(*)::int FROM survives"))
	log, err := os.ReadFile(pg.LogPath())
	require.NoError(t, err)
	require.Contains(t, string(log), "automatic recovery in progress", "it was a crash")
}

func TestPostgresStopAndRestart(t *testing.T) {
	t.Parallel()
	pg := startPostgres(t, localstack.PostgresConfig{})
	execute(t, pg.URL(), "CREATE TABLE there ()")
	require.NoError(t, pg.Restart(t.Context()), "a running one is stopped first")
	log, err := os.ReadFile(pg.LogPath())
	require.NoError(t, err)
	require.Contains(t, string(log), "database system is shut down")
	require.NotContains(t, string(log), "automatic recovery in progress", "it was stopped in order")
	require.NoError(t, pg.Stop())
	require.NoError(t, pg.Stop())
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, pg.Restart(cancelled), context.Canceled)
	require.Zero(t, pg.PID())
	require.NoError(t, pg.Restart(t.Context()))
	require.Equal(t, "there", query[string](t, pg.URL(), "SELECT to_regclass('there')::text"))
}

// The context ends at each of several moments of a start: whenever it is, the start fails with its error and leaves nothing.
func TestPostgresStartIsCancelled(t *testing.T) {
	t.Parallel()
	for _, moment := range []string{"", "data.new", "data", "data/postmaster.pid"} {
		t.Run("at "+strconv.Quote(moment), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(folder(t), "cluster")
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			reason := fmt.Errorf("cancelled at %s", moment)
			var watcher sync.WaitGroup
			watcher.Go(func() {
				for ctx.Err() == nil {
					if _, err := os.Lstat(filepath.Join(dir, moment)); err == nil {
						cancel(reason)
					}
				}
			})
			pg, err := localstack.StartPostgres(ctx, localstack.PostgresConfig{Dir: dir})
			watcher.Wait()
			require.ErrorIs(t, err, reason)
			require.ErrorIs(t, err, context.Canceled)
			require.Nil(t, pg)
			require.NoFileExists(t, filepath.Join(dir, "data/postmaster.pid"))

			after := startPostgres(t, localstack.PostgresConfig{Dir: dir})
			require.Equal(t, 1, query[int](t, after.URL(), "SELECT 1"), "the folder is good for the next start")
		})
	}
}
