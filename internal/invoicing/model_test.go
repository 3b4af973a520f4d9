package invoicing_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail/internal/domaintest"
)

// What holds in memory holds in PostgreSQL, too: no illegal state is reachable, totals are the sums of their lines, and neither of two tenants
// sees anything of the other. All models share one database, so that lists have the rows of others to leave out.
func TestServicesAgainstAModel(t *testing.T) {
	t.Parallel()
	transactor, tried := newTransactor(t, newPool(t)), 0
	rapid.Check(t, func(rt *rapid.T) {
		tried++
		model, err := domaintest.NewModel(transactor, "tenant-"+strconv.Itoa(tried), domaintest.Seen{})
		require.NoError(rt, err)
		model.Run(t.Context(), rt)
	})
}
