package invoicing_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/pgtest"
)

func TestMigrateByFourAtOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	err := invoicing.Check(t.Context(), pool)
	require.ErrorIs(t, err, eventstore.ErrNotMigrated)
	require.ErrorContains(t, err, "contrail migrate --example")
	var processes sync.WaitGroup
	applied := make([][]string, 4)
	for n := range applied {
		processes.Go(func() {
			var err error
			if applied[n], err = invoicing.Migrate(t.Context(), pool); err != nil {
				t.Errorf("migrate: %v", err)
			}
		})
	}
	processes.Wait()
	total := 0
	for _, names := range applied {
		total += len(names)
	}
	files, err := filepath.Glob("migrations/*.sql")
	require.NoError(t, err)
	require.Len(t, files, total, "each migration once")
	require.NoError(t, invoicing.Check(t.Context(), pool))
	require.NoError(t, eventstore.Check(t.Context(), pool))
}

func TestNewerAndHalfMigratedAreRefused(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	_, err := pool.Exec(t.Context(), `INSERT INTO invoicing.migrations (version_id, is_applied) VALUES (99, true)`)
	require.NoError(t, err)
	require.ErrorIs(t, invoicing.Check(t.Context(), pool), eventstore.ErrMigratedByNewer)
	_, err = invoicing.Migrate(t.Context(), pool)
	require.ErrorIs(t, err, eventstore.ErrMigratedByNewer)
	_, err = pool.Exec(t.Context(), `DELETE FROM invoicing.migrations`)
	require.NoError(t, err)
	require.ErrorIs(t, invoicing.Check(t.Context(), pool), eventstore.ErrNotMigrated)
}
