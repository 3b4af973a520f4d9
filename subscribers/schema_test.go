package subscribers_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// outcome runs it until it ends by itself.
func outcome(tb testing.TB, what runner) error {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	return what.Run(ctx)
}

func TestMissingInboxTableEndsRunBeforeADeliveryIsUsedUp(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	_, err := pool.Exec(t.Context(), `DROP TABLE contrail.inbox`)
	require.NoError(t, err)
	w.publish(t, "invoice-1", drafted{})
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool)})
	subscribers.HandleTx(sub, takeEffect)
	err = outcome(t, sub)
	require.ErrorContains(t, err, "subscription test: write the inbox: ")
	require.ErrorContains(t, err, "run `contrail migrate`")
	require.Zero(t, sub.Stats().Delivered)
}

func TestInboxTableDroppedWhileRunningEndsRun(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool)})
	handled := make(chan struct{}, 1)
	subscribers.HandleTx(sub, func(context.Context, pgx.Tx, contrail.Delivered[drafted]) error {
		handled <- struct{}{}
		return nil
	})
	w.publish(t, "invoice-1", drafted{})
	ended := make(chan error, 1)
	go func() { ended <- outcome(t, sub) }()
	receive(t, handled)
	w.settled(t)
	_, err := pool.Exec(t.Context(), `DROP TABLE contrail.inbox`)
	require.NoError(t, err)
	w.publish(t, "invoice-1", drafted{})
	select {
	case err := <-ended:
		require.ErrorContains(t, err, "run `contrail migrate`")
	case <-time.After(2 * patience):
		require.Fail(t, "Run does not return")
	}
	consumer, err := w.js.Consumer(t.Context(), wire.DefaultStream, "test")
	require.NoError(t, err)
	info := consumer.CachedInfo()
	require.EqualValues(t, 1, info.NumPending+uint64(info.NumAckPending), "the event is still the broker's")
}

func TestMissingProjectionsTableEndsRun(t *testing.T) {
	t.Parallel()
	for name, tables := range map[string]struct{ before, during string }{
		"at the start":  {before: `DROP TABLE contrail.projections CASCADE`},
		"while running": {during: `DROP TABLE contrail.projections CASCADE`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			_, err := pool.Exec(t.Context(), tables.before)
			require.NoError(t, err)
			projection := w.projection(t, pool, subscribers.ProjectionConfig{}, projectEffect)
			projection.OnCommitted(func() {
				_, err := pool.Exec(t.Context(), tables.during)
				require.NoError(t, err)
				w.publish(t, "invoice-1", drafted{})
			})
			w.publish(t, "invoice-1", drafted{})
			err = outcome(t, projection)
			require.ErrorContains(t, err, "projection test: ")
			require.ErrorContains(t, err, "run `contrail migrate`")
		})
	}
}
