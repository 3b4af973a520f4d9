package eventstore_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

func emptyPool(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	pool, err := pgxpool.New(tb.Context(), pgtest.Empty(tb))
	require.NoError(tb, err)
	tb.Cleanup(pool.Close)
	return pool
}

func TestMigrateByEightAtOnce(t *testing.T) {
	t.Parallel()
	pool := emptyPool(t)
	require.ErrorIs(t, eventstore.Check(t.Context(), pool), eventstore.ErrNotMigrated)
	var processes sync.WaitGroup
	var mu sync.Mutex
	var applied []string
	for range 8 {
		processes.Go(func() {
			names, err := eventstore.Migrate(t.Context(), pool)
			if err != nil {
				t.Errorf("migrate: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			applied = append(applied, names...)
		})
	}
	processes.Wait()
	require.Equal(t, []string{"00001_events.sql", "00002_relays.sql", "00003_consumers.sql"}, applied, "each once, in order")
	require.NoError(t, eventstore.Check(t.Context(), pool))
}

func TestMigratedByANewerVersion(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	_, err := pool.Exec(t.Context(), `INSERT INTO contrail.migrations (version_id, is_applied) VALUES (999, true)`)
	require.NoError(t, err)
	require.ErrorIs(t, eventstore.Check(t.Context(), pool), eventstore.ErrMigratedByNewer)
	_, err = eventstore.Migrate(t.Context(), pool)
	require.ErrorIs(t, err, eventstore.ErrMigratedByNewer)
	require.ErrorContains(t, err, "999")
}

func TestMigratedByAnOlderVersion(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	_, err := pool.Exec(t.Context(), `DELETE FROM contrail.migrations WHERE version_id = (SELECT max(version_id) FROM contrail.migrations)`)
	require.NoError(t, err)
	err = eventstore.Check(t.Context(), pool)
	require.ErrorIs(t, err, eventstore.ErrNotMigrated)
	require.ErrorContains(t, err, "contrail migrate")
}

// answers is a server that answers as a server of another version, or a standby, would.
type answers struct {
	*pgxpool.Pool

	sql string
}

func (a answers) QueryRow(ctx context.Context, _ string, _ ...any) pgx.Row {
	return a.Pool.QueryRow(ctx, a.sql)
}

func TestCheckRefusesOldServersAndStandbys(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	err := eventstore.Check(t.Context(), answers{pool, `SELECT 130011, '13.11', false`})
	require.ErrorIs(t, err, eventstore.ErrTooOld)
	require.ErrorContains(t, err, "PostgreSQL 13.11")
	err = eventstore.Check(t.Context(), answers{pool, `SELECT 150000, '15.0', true`})
	require.ErrorIs(t, err, eventstore.ErrStandby)
}

// A sequence that hands positions out ahead would make readers lose events.
func TestCheckRefusesAnAlteredSequence(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for _, change := range []string{"CACHE 10", "CACHE 1 INCREMENT 2", "INCREMENT 1 CYCLE"} {
		_, err := pool.Exec(t.Context(), `ALTER SEQUENCE contrail.events_position_seq `+change)
		require.NoError(t, err)
		err = eventstore.Check(t.Context(), pool)
		require.ErrorIs(t, err, eventstore.ErrSequence, change)
		_, cure, _ := strings.Cut(err.Error(), "lost: ")
		_, err = pool.Exec(t.Context(), cure)
		require.NoError(t, err, cure)
		require.NoError(t, eventstore.Check(t.Context(), pool))
	}
}

// The owner of a schema that is there already need not be allowed to create one.
func TestMigrateIntoASchemaThatIsThere(t *testing.T) {
	t.Parallel()
	pool := emptyPool(t)
	role := "migrator_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	for _, statement := range []string{`CREATE ROLE ` + role, `CREATE SCHEMA contrail AUTHORIZATION ` + role} {
		_, err := pool.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	config := pool.Config()
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `SET ROLE `+role)
		return err
	}
	theirs, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	defer theirs.Close()
	_, err = eventstore.Migrate(t.Context(), theirs)
	require.NoError(t, err)
}

func TestReadingAnUnmigratedDatabase(t *testing.T) {
	t.Parallel()
	pool := emptyPool(t)
	_, err := eventstore.Horizon(t.Context(), pool)
	require.ErrorIs(t, err, eventstore.ErrNotMigrated)
	for _, err := range newStore(t).Load(t.Context(), pool, invoice42, 0) {
		require.ErrorIs(t, err, eventstore.ErrNotMigrated)
	}
	_, err = appendNow(t.Context(), pool, invoice42, eventstore.Any, happened("A"))
	require.ErrorIs(t, err, eventstore.ErrNotMigrated)
}
