package eventstore_test

import (
	"context"
	"strings"
	"sync"
	"testing"

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
	require.Equal(t, []string{
		"00001_events.sql", "00002_relays.sql", "00003_consumers.sql", "00004_reading.sql", "00005_snapshots.sql", "00006_keys.sql",
		"00007_offsets.sql", "00008_imports.sql", "00009_parked.sql", "00010_processes.sql", "00011_inbox.sql", "00012_projections.sql",
		"00013_deliveries.sql", "00014_runs.sql", "00015_webhooks.sql", "00016_operating.sql",
	}, applied, "each once, in order")
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

// The owner of a schema that is there already need not be allowed to create one, nor anything else.
func TestMigrateIntoASchemaThatIsThere(t *testing.T) {
	t.Parallel()
	pool, ctx := emptyPool(t), t.Context()
	owner := login(t, pool)
	_, err := pool.Exec(ctx, `CREATE SCHEMA contrail AUTHORIZATION `+owner.Config().ConnConfig.User)
	require.NoError(t, err)
	_, err = eventstore.Migrate(ctx, owner)
	require.NoError(t, err)
	_, err = eventstore.MigrateDown(ctx, owner, 1)
	require.NoError(t, err)
	_, err = eventstore.Migrate(ctx, owner)
	require.NoError(t, err)
	differences, err := eventstore.Validate(ctx, owner)
	require.NoError(t, err)
	require.Empty(t, differences)
	_, err = appendNow(ctx, owner, invoice42, eventstore.NoStream, happened("A"))
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
