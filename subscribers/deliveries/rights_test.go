package deliveries_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// The role contrail_consume is enough for everything that a ledger does, and one that only reads is told what it lacks.
func TestRights(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	require.NoError(t, eventstore.GrantRoles(t.Context(), owner))
	f := newFixtureOn(t, as(t, owner, "contrail_consume"), func(config *deliveries.Config) {
		config.Rules = []deliveries.Rule{says(deliveries.Send()), deliveries.Cap(100, 1<<40)}
	})
	f.fail(deliveries.Temporary(errDown))
	lost := f.planned()
	f.loseWith(lost, "resend")
	id := f.planned()
	f.run(f.ledger)
	require.Equal(t, deliveries.ReasonExhausted, f.settled(id).Reason)
	require.Equal(t, deliveries.ReasonExhausted, f.settled(lost).Reason)
	f.answer(nil)
	require.NoError(t, f.ledger.Deliver(t.Context(), f.event(), toAda()))
	require.NoError(t, pgx.BeginFunc(t.Context(), f.pool, func(tx pgx.Tx) error {
		_, err := f.ledger.CancelLane(t.Context(), tx, "lane", "")
		return err
	}))
	reader := newFixtureOn(t, as(t, owner, "contrail_read"), nil)
	require.ErrorContains(t, reader.ledger.Run(t.Context()), "grant the role contrail_consume")
	require.ErrorContains(t, reader.ledger.Deliver(t.Context(), f.event(), toAda()), "grant the role contrail_consume")
}

// as is a pool whose sessions are in a role.
func as(t *testing.T, owner *pgxpool.Pool, role string) *pgxpool.Pool {
	t.Helper()
	config := owner.Config()
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `SET ROLE `+role)
		return err
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}
