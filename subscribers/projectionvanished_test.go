package subscribers_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
)

// The session of a batch learns that its client's host has vanished as soon as the one that holds the lock does, live and in a rebuild: its transaction holds the
// projection's row.
func TestBatchesLearnThatTheirHostHasVanished(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	type batch struct {
		keepalive, idle string
		rebuilt         bool
	}
	batches := make(chan batch, 100)
	run(t, w.projection(t, w.pool, subscribers.ProjectionConfig{Tables: modelTables},
		func(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
			seen := batch{rebuilt: events[0].Delivery.Sequence == 0}
			if err := tx.QueryRow(ctx, `SHOW tcp_keepalives_idle`).Scan(&seen.keepalive); err != nil {
				return err
			}
			if err := tx.QueryRow(ctx, `SHOW idle_in_transaction_session_timeout`).Scan(&seen.idle); err != nil {
				return err
			}
			batches <- seen
			return nil
		}))
	w.relay(t, 1, 1)
	w.reaches(t, w.pool)
	require.Equal(t, batch{"5", "5min", false}, receive(t, batches))
	w.awaitDone(t, w.ask(t))
	require.Equal(t, batch{"5", "5min", true}, receive(t, batches))
}

// The session of a process that has vanished still holds the projection's row: the one that takes over waits, and goes on where the row is free.
func TestTakeoverWaitsForTheRow(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	stop := run(t, w.model(t, subscribers.ProjectionConfig{}))
	w.relay(t, 5, 2)
	w.reaches(t, w.pool)
	stop()
	tx, err := w.pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	_, err = tx.Exec(t.Context(), `UPDATE contrail.projections SET updated_at = now()`)
	require.NoError(t, err)
	run(t, w.model(t, subscribers.ProjectionConfig{}))
	w.relay(t, 5, 2)
	eventually(t, func() bool {
		var waiting bool
		err := w.pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%contrail.projections%')`).Scan(&waiting)
		return err == nil && waiting
	})
	require.Equal(t, upTo(5), w.positions(t))
	require.NoError(t, tx.Rollback(t.Context()))
	w.reaches(t, w.pool)
	require.Equal(t, upTo(10), w.positions(t))
}

// An active process that is frozen loses the lock, some twelve seconds later; when it goes on it projects nothing.
func TestFrozenProjectionIsTakenOver(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	w.publishMany(t, 3, 2)
	frozen := w.startChild(t, pool, "projection that thaws", 0, 0)
	frozen.freeze(t)

	logged := newLog()
	run(t, w.projection(t, pool, subscribers.ProjectionConfig{Logger: logged.logger()}, projectEffect))
	logged.await(t, "stands by")
	logged.await(t, "projection is active")
	w.publishMany(t, 3, 2)
	w.reaches(t, pool)
	frozen.thaw(t)
	frozen.awaitLine(t, "interrupted")
	events, times := effects(t, pool)
	require.Equal(t, []int{6, 6}, []int{events, times})
}
