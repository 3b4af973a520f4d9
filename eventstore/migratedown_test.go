package eventstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3/lock"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
)

func isNotMigrated(err error) bool { return errors.Is(err, eventstore.ErrNotMigrated) }

// Every way down is the exact inverse of the way up, and keeps the events.
func TestMigrateDownAndUpAgain(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	ctx := t.Context()
	_, err := appendNow(ctx, pool, invoice42, eventstore.NoStream, happened("A"), happened("B"))
	require.NoError(t, err)
	all, err := eventstore.Migrations(ctx, pool)
	require.NoError(t, err)
	newest := all[len(all)-1].Version
	for version := newest - 1; version >= 1; version-- {
		undone, err := eventstore.MigrateDown(ctx, pool, version)
		require.NoError(t, err)
		require.Equal(t, []string{all[version].Name}, undone)
		require.ErrorIs(t, eventstore.Check(ctx, pool), eventstore.ErrNotMigrated)
		undone, err = eventstore.MigrateDown(ctx, pool, version+1)
		require.NoError(t, err, "it is below already")
		require.Empty(t, undone)
	}
	left, err := eventstore.Migrations(ctx, pool)
	require.NoError(t, err)
	require.Equal(t, all[0], left[0])
	require.Nil(t, left[1].AppliedAt)

	for version := int64(2); version <= newest; version++ {
		applied, err := eventstore.MigrateTo(ctx, pool, version)
		require.NoError(t, err)
		require.Equal(t, []string{all[version-1].Name}, applied)
		applied, err = eventstore.MigrateTo(ctx, pool, version-1)
		require.NoError(t, err, "it is above already")
		require.Empty(t, applied)
	}
	differences, err := eventstore.Validate(ctx, pool)
	require.NoError(t, err)
	require.Empty(t, differences)
	require.Len(t, load(t, pool, invoice42, 0), 2)
}

// A table whose rows would be lost is named and counted, and then nothing at all is undone.
func TestMigrateDownDestroysNothing(t *testing.T) {
	t.Parallel()
	for table, insert := range map[string]string{
		"relays":      `INSERT INTO contrail.relays (stream) VALUES ('EVENTS')`,
		"inbox":       `INSERT INTO contrail.inbox (consumer, position) VALUES ('a', 1)`,
		"projections": `INSERT INTO contrail.projections (name) VALUES ('a')`,
		"keys":        `INSERT INTO contrail.keys (subject, wrapped) VALUES ('a', 'b')`,
		"offsets":     `INSERT INTO contrail.offsets (topic, consumer_group) VALUES ('a', 'b')`,
		"imports":     `INSERT INTO contrail.imports (name, digest) VALUES ('a', '')`,
	} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			_, err := pool.Exec(t.Context(), insert)
			require.NoError(t, err)
			undone, err := eventstore.MigrateDown(t.Context(), pool, 1)
			require.ErrorIs(t, err, eventstore.ErrNotEmpty)
			require.ErrorContains(t, err, "contrail."+table+" holds 1 row; nothing was changed: ")
			require.Empty(t, undone)
			_, err = eventstore.Validate(t.Context(), pool)
			require.NoError(t, err)

			_, err = pool.Exec(t.Context(), `DELETE FROM contrail.`+table)
			require.NoError(t, err)
			_, err = eventstore.MigrateDown(t.Context(), pool, 1)
			require.NoError(t, err)
		})
	}
}

func TestMigrateDownDropsSnapshots(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	_, err := pool.Exec(t.Context(), `INSERT INTO contrail.snapshots (stream, name, schema, version, event_id, state)
		VALUES ('a-1', 'a', 1, 1, gen_random_uuid(), '{}')`)
	require.NoError(t, err)
	_, err = eventstore.MigrateDown(t.Context(), pool, 4)
	require.NoError(t, err)
}

func TestVersionsThatDoNotExist(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for _, version := range []int64{-1, 0, 999} {
		_, err := eventstore.MigrateDown(t.Context(), pool, version)
		require.ErrorIs(t, err, eventstore.ErrNoSuchVersion)
		_, err = eventstore.MigrateTo(t.Context(), pool, version)
		require.ErrorIs(t, err, eventstore.ErrNoSuchVersion)
	}
	_, err := eventstore.MigrateDown(t.Context(), pool, 0)
	require.ErrorContains(t, err, "DROP SCHEMA contrail CASCADE", "what to do by hand")
	_, err = eventstore.MigrateDown(t.Context(), emptyPool(t), 1)
	require.ErrorIs(t, err, eventstore.ErrNotMigrated)
	_, err = pool.Exec(t.Context(), `INSERT INTO contrail.migrations (version_id, is_applied) VALUES (999, true)`)
	require.NoError(t, err)
	_, err = eventstore.MigrateDown(t.Context(), pool, 1)
	require.ErrorIs(t, err, eventstore.ErrMigratedByNewer)
	list, err := eventstore.Migrations(t.Context(), pool)
	require.NoError(t, err)
	require.EqualValues(t, 999, list[len(list)-1].Version)
	require.Empty(t, list[len(list)-1].Name)
	require.NotNil(t, list[len(list)-1].AppliedAt)
}

func TestMigrateDownByEightAtOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	var processes sync.WaitGroup
	var mu sync.Mutex
	var undone []string
	for range 8 {
		processes.Go(func() {
			names, err := eventstore.MigrateDown(t.Context(), pool, 2)
			if err != nil {
				t.Errorf("migrate down: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			undone = append(undone, names...)
		})
	}
	processes.Wait()
	all, err := eventstore.Migrations(t.Context(), pool)
	require.NoError(t, err)
	require.Len(t, undone, len(all)-2, "each once")
	for n, name := range undone {
		require.Equal(t, all[len(all)-1-n].Name, name, "the newest first")
	}
}

// A table that somebody uses for long is not waited for: appends would queue behind.
func TestMigrateDownDoesNotWaitForLong(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(report pgx.Tx) error {
		if _, err := report.Exec(t.Context(), `SELECT count(*) FROM contrail.events`); err != nil {
			return err
		}
		_, err := eventstore.MigrateDown(t.Context(), pool, 3)
		require.ErrorContains(t, err, "another transaction has used a table for 5 s; nothing was changed")
		return nil
	}))
	require.NoError(t, eventstore.Check(t.Context(), pool))
}

// Whatever looks at the schema or changes it waits for a migration that is under way.
func TestMigrationsAreWaitedFor(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(ctx context.Context, pool *pgxpool.Pool) error{
		"down": func(ctx context.Context, pool *pgxpool.Pool) error {
			_, err := eventstore.MigrateDown(ctx, pool, 4)
			return err
		},
		"validate": func(ctx context.Context, pool *pgxpool.Pool) error {
			_, err := eventstore.Validate(ctx, pool)
			return err
		},
		"roles": eventstore.GrantRoles,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			migrating := connect(t, pool)
			_, err := migrating.Exec(t.Context(), `SELECT pg_advisory_lock($1)`, lock.DefaultLockID)
			require.NoError(t, err)
			ended := make(chan error, 1)
			go func() { ended <- act(t.Context(), pool) }()
			require.Eventually(t, func() bool {
				var waits bool
				err := migrating.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
					AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).Scan(&waits)
				return err == nil && waits
			}, 10*time.Second, 10*time.Millisecond)
			require.Empty(t, ended)
			_, err = migrating.Exec(t.Context(), `SELECT pg_advisory_unlock($1)`, lock.DefaultLockID)
			require.NoError(t, err)
			require.NoError(t, <-ended)
		})
	}
}
