package load_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/load"
	"github.com/contrail-events/contrail/internal/pgfault"
)

// Whichever answer of the database is lost, that of a commit included, each event is there once, and none is taken for lost.
func TestRunWithAFaultAtEveryTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	inBackground(t, w.relay.Run)
	url := w.pool.Config().ConnString()
	loadOnce := func(faults ...pgfault.Fault) (load.Report, *pgfault.Network) {
		pool, network, err := pgfault.Open(t.Context(), url, faults...)
		require.NoError(t, err)
		defer pool.Close()
		report, err := load.Run(t.Context(), pool, w.js, load.Config{Count: 2, Batch: 2, Concurrency: 1, Streams: 1, Patience: patience})
		require.NoError(t, err)
		return report, network
	}
	_, network := loadOnce()
	require.Greater(t, network.Trips(), 5, network.Statements())
	for trip := range network.Trips() {
		for _, mode := range pgfault.Modes() {
			fault := pgfault.Fault{Trip: trip + 1, Mode: mode}
			r, _ := loadOnce(fault)
			require.True(t, r.OK, "%s: %+v", fault, r)
			require.EqualValues(t, 2, r.Handled, fault)
			require.EqualValues(t, 3, w.rows(t, `SELECT count(*) FROM contrail.events WHERE stream LIKE 'load-' || $1 || '-%'`, r.Run), fault)
		}
	}
}
