package invoicing_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail/internal/domaintest"
	"github.com/contrail-events/contrail/internal/invoicing"
)

// randomHistories is how many are tried; with CONTRAIL_LONG=1 it is for rapid to say (-rapid.checks). A failure is shrunk in either.
const randomHistories = 15

// Whatever two tenants do, the read models are what a fold of the aggregates says, in whatever order and in what batches the events come.
func TestReadModelsOfRandomHistories(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	transactor := newTransactor(t, pool)
	tried, failing := 0, false
	rapid.Check(t, func(rt *rapid.T) {
		if tried++; tried > randomHistories && !failing && os.Getenv("CONTRAIL_LONG") == "" {
			return
		}
		passed := false
		defer func() { failing = failing || !passed }() // then shrinking begins
		prefix := fmt.Sprint("tenant-", tried)
		before := len(recorded(t, pool))
		model, err := domaintest.NewModel(transactor, prefix, domaintest.Seen{})
		require.NoError(rt, err)
		model.Run(t.Context(), rt)
		events := recorded(t, pool)[before:]
		events = rapid.Permutation(events).Draw(rt, "order")
		size := rapid.IntRange(1, 40).Draw(rt, "batch")
		for len(events) > 0 {
			n := min(size, len(events))
			require.NoError(rt, projectAll(t.Context(), pool, events[:n]))
			events = events[n:]
		}
		for _, tenant := range []string{prefix + "-a", prefix + "-b"} {
			comparison, err := invoicing.Compare(t.Context(), pool, tenant)
			require.NoError(rt, err)
			require.Empty(rt, comparison.Differences)
			require.NotZero(rt, comparison.Invoices)
		}
		passed = true
	})
}
