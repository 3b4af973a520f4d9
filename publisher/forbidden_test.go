package publisher_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// A relay that lacks a right stops, and says so: leading for ever without publishing, it would keep a sound one from it.
func TestRelayWithoutRightsDoesNotLead(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	js, _ := natstest.JetStream(t)
	insertEvents(t, pool, 5)
	_, err := pool.Exec(t.Context(), `CREATE ROLE contrail_test_reader;
		GRANT USAGE ON SCHEMA contrail TO contrail_test_reader; GRANT SELECT ON ALL TABLES IN SCHEMA contrail TO contrail_test_reader;
		GRANT SELECT ON ALL SEQUENCES IN SCHEMA contrail TO contrail_test_reader`)
	require.NoError(t, err)
	config := pool.Config()
	config.ConnConfig.RuntimeParams["role"] = "contrail_test_reader"
	weak, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	defer weak.Close()
	err = newRelay(t, weak, js, impatient()).Run(t.Context())
	require.ErrorIs(t, err, publisher.ErrForbidden)
	require.ErrorContains(t, err, "contrail migrate roles")
	finish(t, pool, js)
}
