package control_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher/control"
)

// A role is enough for what it is made for, and for no more.
func TestRights(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	require.NoError(t, eventstore.GrantRoles(t.Context(), pool))
	id := register(t, pool, "EVENTS", "r", control.Standby)
	as := func(role string, fn func(tx pgx.Tx) error) error {
		return pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), `SET LOCAL ROLE `+role); err != nil {
				return err
			}
			return fn(tx)
		})
	}
	for _, role := range []string{"contrail_read", "contrail_operate", "contrail_relay"} {
		require.NoError(t, as(role, func(tx pgx.Tx) error { _, err := control.List(t.Context(), tx, ""); return err }), role)
		require.NoError(t, as(role, func(tx pgx.Tx) error { _, err := control.Streams(t.Context(), tx, ""); return err }), role)
	}
	tell := func(tx pgx.Tx) error { _, err := control.Pause(t.Context(), tx, id, "ada"); return err }
	require.NoError(t, as("contrail_operate", tell))
	require.ErrorContains(t, as("contrail_read", tell), "permission denied")
	pause := func(tx pgx.Tx) error { _, err := control.PauseStream(t.Context(), tx, "EVENTS", "ada", ""); return err }
	require.NoError(t, as("contrail_operate", pause))
	require.ErrorContains(t, as("contrail_read", pause), "permission denied")
	require.NoError(t, as("contrail_operate", func(tx pgx.Tx) error { _, err := control.ResumeStream(t.Context(), tx, "EVENTS"); return err }))
	require.NoError(t, as("contrail_operate", func(tx pgx.Tx) error { return control.Remove(t.Context(), tx, id) }))
}
