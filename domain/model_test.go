package domain_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail/internal/domaintest"
)

// Whatever two tenants do, in whatever order and with whatever ids: no illegal state is reachable, totals are the sums of their lines, and
// neither sees anything of the other. The store is as fast as a map, so there are more of them than rapid tries by itself.
func TestServicesAgainstAModel(t *testing.T) {
	t.Parallel()
	const rounds, usual = 5, 100
	seen, tried := domaintest.Seen{}, 0
	for range rounds {
		rapid.Check(t, func(rt *rapid.T) {
			tried++
			model, err := domaintest.NewModel(newMemory(), "tenant-"+strconv.Itoa(tried), seen)
			require.NoError(rt, err)
			model.Run(t.Context(), rt)
		})
	}
	if tried >= rounds*usual { // -rapid.checks may ask for fewer
		require.Empty(t, seen.Missing())
	}
}
