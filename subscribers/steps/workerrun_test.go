package steps_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/steps"
)

// A worker that is stopped lets its runs end, and takes on no others.
func TestWorkerDrains(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	door := newGate()
	slow := steps.Workflow{Name: "slow", Steps: []steps.Step{door.gated("a"), tx("b", fine)}}
	worker := newWorker(t, pool, steps.WorkerConfig{}, slow)
	begin(t, pool, worker, "slow", "x")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	receive(t, door.here)
	cancel()
	begin(t, pool, worker, "slow", "y")
	close(door.on)
	require.NoError(t, receive(t, ended))
	require.Equal(t, steps.Finished, statusOf(t, pool, "x"))
	require.Equal(t, steps.Ready, statusOf(t, pool, "y"))
	require.Empty(t, effects(t, pool, "y"))
}

// A step that takes longer than the worker may drain is rolled back, and performed again by another worker at once.
func TestWorkerLetsGoOfWhatTakesTooLong(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	door, open := newGate(), newGate()
	close(open.on)
	var log memoryLog
	first := newWorker(t, pool, steps.WorkerConfig{DrainTimeout: time.Millisecond, Options: steps.Options{Logger: log.logger()}},
		steps.Workflow{Name: "slow", Steps: []steps.Step{tx("a", fine), door.gated("b")}})
	second := newWorker(t, pool, steps.WorkerConfig{}, steps.Workflow{Name: "slow", Steps: []steps.Step{tx("a", fine), open.gated("b")}})
	begin(t, pool, first, "slow", "x")
	stop := work(t, first)
	receive(t, door.here)
	stop()
	require.Len(t, log.messages(t, "a run was let go, since the worker is stopped"), 1)
	require.Zero(t, field[int](t, pool, "failures", "x"))
	require.Equal(t, []string{"a"}, effects(t, pool, "x"))
	work(t, second)
	stands(t, pool, "x", steps.Finished)
	require.Equal(t, []string{"a", "b"}, effects(t, pool, "x"))
	require.Equal(t, []string{"a succeeded", "b succeeded"}, story(t, pool, "x"))
}

func TestWorkerStartsAndStops(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	worker := newWorker(t, pool, steps.WorkerConfig{}, abc())
	keys := []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}
	for n, key := range keys {
		begin(t, pool, worker, "abc", key)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- worker.Run(ctx) }()
		if n%2 == 0 {
			stands(t, pool, key, steps.Finished)
		}
		cancel()
		require.NoError(t, receive(t, ended))
	}
	work(t, worker)
	for _, key := range keys {
		stands(t, pool, key, steps.Finished)
		require.Equal(t, []string{"a", "b", "c"}, effects(t, pool, key))
	}
}

// batches counts those that are sent.
type batches struct{ begun atomic.Int64 }

func (b *batches) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}
func (b *batches) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData)     {}
func (b *batches) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (b *batches) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

func (b *batches) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	b.begun.Add(1)
	return ctx
}

// A database that is out of reach is told of once, and the worker goes on as soon as it can.
func TestWorkerOutlastsAnOutage(t *testing.T) {
	t.Parallel()
	pool := newEffects(t)
	var log memoryLog
	var tries batches
	config := pool.Config()
	config.ConnConfig.Tracer = &tries
	own, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(own.Close)
	worker := newWorker(t, own, steps.WorkerConfig{Options: steps.Options{Logger: log.logger()}}, abc())
	begin(t, pool, worker, "abc", "x")
	_, err = pool.Exec(t.Context(), `ALTER TABLE contrail.run_leases RENAME TO away`)
	require.NoError(t, err)
	work(t, worker)
	const out = "the worker can't look for runs; it goes on trying"
	eventually(t, func() bool { return tries.begun.Load() > 3 })
	_, err = pool.Exec(t.Context(), `ALTER TABLE contrail.away RENAME TO run_leases`)
	require.NoError(t, err)
	stands(t, pool, "x", steps.Finished)
	require.Len(t, log.messages(t, out), 1)
	require.Len(t, log.messages(t, "the worker looks for runs again"), 1)
}
