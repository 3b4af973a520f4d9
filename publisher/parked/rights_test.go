package parked_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/publisher/parked"
)

// as returns a pool with the rights of a role and no more.
func (l ledger) as(role string) *pgxpool.Pool {
	l.Helper()
	config := l.pool.Config()
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `SET ROLE `+role)
		return err
	}
	theirs, err := pgxpool.NewWithConfig(l.Context(), config)
	require.NoError(l, err)
	l.Cleanup(theirs.Close)
	return theirs
}

// One who operates decides, one who reads looks.
func TestRights(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	require.NoError(t, eventstore.GrantRoles(t.Context(), l.pool))
	first, second := l.park("a-1", parked.Parked), l.park("a-1", parked.Held)
	operates, reads := l.as("contrail_operate"), l.as("contrail_read")
	for _, decide := range []decision{parked.Requeue, parked.Withdraw, parked.Discard, parked.Requeue} {
		outcomes, err := decide(t.Context(), operates, parked.At("EVENTS", first, second), ada("why"))
		require.NoError(t, err)
		require.True(t, outcomes[0].Changed)
		_, err = decide(t.Context(), reads, parked.At("EVENTS", first), ada("why"))
		require.ErrorContains(t, err, "permission denied")
	}
	l.publish(first, 7)
	l.age(first, "40 days")
	_, err := parked.Purge(t.Context(), reads, parked.Matching(parked.Filter{}), parked.Retention{})
	require.ErrorContains(t, err, "permission denied")
	outcomes, err := parked.Purge(t.Context(), operates, parked.Matching(parked.Filter{}), parked.Retention{})
	require.NoError(t, err)
	require.Equal(t, []string{"stays published; its error and its note are purged"}, texts(outcomes))
	_, err = parked.Count(t.Context(), operates, "EVENTS")
	require.NoError(t, err)
	require.Len(t, positions(t, parked.List(t.Context(), reads, parked.Filter{States: parked.States()})), 2)
	_, err = parked.Get(t.Context(), reads, "EVENTS", second)
	require.NoError(t, err)
}
