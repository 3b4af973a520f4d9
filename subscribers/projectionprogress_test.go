package subscribers_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
)

// A projection that has lost its lock in the middle of a batch is not ready, but does not hang: the batch may take its time.
func TestProjectionThatLostItsLockIsAliveAndNotReady(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	entered, release := make(chan struct{}, 8), make(chan struct{})
	projection, err := subscribers.NewProjection(w.js, pool, subscribers.ProjectionConfig{
		Name: "totals", Standby: 10 * time.Millisecond, Backoff: subscribers.Backoff{Min: time.Millisecond, Max: 2 * time.Millisecond},
	}, func(context.Context, pgx.Tx, []contrail.Delivered[json.RawMessage]) error {
		entered <- struct{}{}
		<-release
		return nil
	})
	require.NoError(t, err)
	w.publish(t, "invoice-1", drafted{})
	stop := run(t, projection)
	let := sync.OnceFunc(func() { close(release) })
	t.Cleanup(let)
	receive(t, entered)
	what, err := projection.Ready()
	require.NoError(t, err)
	require.Equal(t, "active", what)

	_, err = pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_locks
		WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()`)
	require.NoError(t, err)
	eventually(t, func() bool {
		_, err = projection.Ready()
		return err != nil
	})
	require.ErrorContains(t, err, "the lock's connection is lost")
	require.NoError(t, projection.Alive(0))
	let()
	eventually(t, func() bool {
		_, err := projection.Ready()
		return err == nil
	})
	stop()
}
