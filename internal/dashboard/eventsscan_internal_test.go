package dashboard

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgtest"
)

// A search that no index helps ends when its time is up, says how far it has looked, and goes on from there without leaving anything out.
func TestScanEndsInTime(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	_, err := pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data, metadata)
		SELECT 'tick-1', g, CASE WHEN g IN (1, 15000, 24999) THEN 'Rare' ELSE 'Ticked' END, '{}', '{"correlation_id": "c-1"}' FROM generate_series(1, 25000) AS g`)
	require.NoError(t, err)
	for name, search := range map[string]eventSearch{
		"all": {Type: "Rare"}, "stream": {Type: "Rare", Stream: "tick-1"}, "category": {Type: "Rare", Category: "tick"}, "correlation": {Type: "Rare", Correlation: "c-1"},
	} {
		search.place.limit = 2
		var found []int64
		pages := 0
		for {
			scan, err := search.scan(t.Context(), pool)
			require.NoError(t, err)
			scan.patience = 0 // one stretch
			page, err := scan.run(t.Context())
			require.NoError(t, err)
			pages++
			for _, row := range page.rows {
				found = append(found, row.Position)
			}
			if page.older == 0 {
				require.Nil(t, page.looked, name)
				break
			}
			require.NotNil(t, page.looked, name)
			require.Equal(t, page.older, page.looked.To, name)
			search.place.before = page.older
		}
		require.Equal(t, 3, pages, name)
		require.Equal(t, []int64{24999, 15000, 1}, found, name)
		search.place.before = 0
		whole, err := search.scan(t.Context(), pool)
		require.NoError(t, err)
		whole.place.limit, whole.patience = 3, time.Minute
		page, err := whole.run(t.Context())
		require.NoError(t, err)
		require.Len(t, page.rows, 3, "%s: stretch after stretch, in one page", name)
		search.place.after = 1
		found = nil
		for search.place.after > 0 {
			scan, err := search.scan(t.Context(), pool)
			require.NoError(t, err)
			scan.patience = 0
			page, err := scan.run(t.Context())
			require.NoError(t, err)
			for _, row := range page.rows {
				found = append(found, row.Position)
			}
			search.place.after = page.newer
		}
		require.Equal(t, []int64{15000, 24999}, found, name)
	}
}
