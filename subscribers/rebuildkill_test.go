package subscribers_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/projections"
)

// Roles of a process that is killed while it rebuilds.
const (
	roleFilled   = "rebuild: a part is committed"
	roleSwapping = "rebuild: the read model is replaced, but not committed"
	roleSwapped  = "rebuild: the read model is replaced"
)

// runRebuildingChild says so, and gets no further, when it is where its role is about. Each in the role of roleFilled does one batch more than the one before.
func runRebuildingChild(ctx context.Context, role string, js jetstream.JetStream, pool *pgxpool.Pool, stuck func()) {
	projection, err := subscribers.NewProjection(js, pool, subscribers.ProjectionConfig{Name: "test", Batch: 3, Tables: modelTables}, projectModel)
	exitOn(err)
	var filled atomic.Int64
	switch role {
	case roleFilled:
		projection.OnFilled(func(contrail.Position) {
			if filled.Add(1) == 3 {
				stuck()
			}
		})
	case roleSwapping:
		projection.OnSwapping(stuck)
	case roleSwapped:
		projection.OnSwapped(stuck)
	}
	exitOn(projection.Run(ctx))
}

// Killed in the midst of a rebuild, time and again, and as it replaces the read model: the next process goes on, and nobody reads a half.
func TestRebuildOverKills(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	stop := run(t, w.model(t, subscribers.ProjectionConfig{}))
	w.relay(t, 60, 7)
	left := w.stored(t, "invoice-1", drafted{})
	w.leaveOut(t, left, "parked", "refused")
	w.relay(t, 10, 7)
	w.reaches(t, w.pool)
	stop()
	lines, counters := w.content(t)
	asked := w.ask(t)
	watching, unwatch := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.watch(watching, "read committed") }()

	at := contrail.Position(0)
	for range 3 {
		w.killAfterCommit(t, w.pool, roleFilled)
		now, err := projections.Get(t.Context(), w.pool, "test")
		require.NoError(t, err)
		require.Equal(t, projections.Running, now.Rebuild.State)
		require.Equal(t, at+9, now.Rebuild.Position, "it goes on where it was")
		at = now.Rebuild.Position
	}
	for range 2 {
		w.killAfterCommit(t, w.pool, roleSwapping)
		now, err := projections.Get(t.Context(), w.pool, "test")
		require.NoError(t, err)
		require.Equal(t, projections.Running, now.Rebuild.State)
	}
	w.killAfterCommit(t, w.pool, roleSwapped)
	done := w.awaitDone(t, asked)
	require.EqualValues(t, 70, done.Events)
	w.nothingIsLeft(t)
	gotLines, gotCounters := w.content(t)
	require.Equal(t, lines, gotLines)
	require.Equal(t, counters, gotCounters)
	unwatch()
	require.NoError(t, <-ended)

	run(t, w.model(t, subscribers.ProjectionConfig{}))
	w.relay(t, 5, 7)
	w.reaches(t, w.pool)
	require.Equal(t, upTo(w.position, left.Position), w.positions(t))
}

// The process that takes over takes the rebuild over.
func TestRebuildIsTakenOver(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t)
	first := w.model(t, subscribers.ProjectionConfig{Batch: 5})
	halfDone, proceed := make(chan struct{}), make(chan struct{})
	first.OnFilled(func(through contrail.Position) {
		if through == 50 {
			close(halfDone)
			<-proceed
		}
	})
	stop := run(t, first)
	w.relay(t, 200, 7)
	w.reaches(t, w.pool)
	asked := w.ask(t)
	receive(t, halfDone)
	second := w.model(t, subscribers.ProjectionConfig{Batch: 5})
	var begins atomic.Int64
	second.OnFilled(func(through contrail.Position) { begins.CompareAndSwap(0, int64(through)) })
	run(t, second)
	close(proceed)
	stop()
	done := w.awaitDone(t, asked)
	require.EqualValues(t, 200, done.Events)
	require.Len(t, w.positions(t), 200)
	require.GreaterOrEqual(t, begins.Load(), int64(55), "it does not begin anew")
}
