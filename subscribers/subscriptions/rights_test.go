package subscriptions_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// The role contrail_consume is enough to have the inbox forget, and one that only reads is not.
func TestRights(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, eventstore.GrantRoles(t.Context(), w.pool))
	w.run(w.subscribe(subscribers.Config{}))
	w.append("a-1", 2)
	w.settled(1, 2)
	_, err := subscriptions.Reset(t.Context(), w.js, as{w.pool, "contrail_read"}, w.name, subscriptions.ResetTo{Forget: true})
	require.ErrorContains(t, err, "permission denied")
	_, err = subscriptions.Replay{}.Run(t.Context(), w.js, as{w.pool, "contrail_read"}, w.name)
	require.ErrorContains(t, err, "permission denied")
	_, err = subscriptions.Reset(t.Context(), w.js, as{w.pool, "contrail_consume"}, w.name, subscriptions.ResetTo{Forget: true})
	require.NoError(t, err)
	w.settled(1, 2, 1, 2)
	_, err = subscriptions.Replay{From: 2}.Run(t.Context(), w.js, as{w.pool, "contrail_consume"}, w.name)
	require.NoError(t, err)
	w.settled(1, 2, 1, 2, 2)
}

// as begins transactions in a role.
type as struct {
	subscriptions.Beginner

	role string
}

func (a as) Begin(ctx context.Context) (pgx.Tx, error) {
	tx, err := a.Beginner.Begin(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, `SET LOCAL ROLE `+a.role); err != nil {
		_ = tx.Rollback(ctx)
		return nil, err
	}
	return tx, nil
}
