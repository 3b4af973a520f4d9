package deliveries_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// When the process stops, calls under way are finished and recorded, nothing more is begun, and what was claimed is free at once.
func TestRunDrains(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(config *deliveries.Config) { config.Concurrency = 2 })
	called, goOn := make(chan struct{}, 99), make(chan struct{})
	f.answer(func(ctx context.Context, _ deliveries.Delivery) (deliveries.Receipt, error) {
		called <- struct{}{}
		<-goOn
		return deliveries.Receipt{}, ctx.Err()
	})
	for range 20 {
		f.planned()
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.ledger.Run(ctx) }()
	got(t, called)
	got(t, called)
	require.Eventually(t, func() bool { return f.countWhere(`claimed_by <> ''`) > 0 }, waitFor, time.Millisecond)
	cancel()
	require.Eventually(t, func() bool { return f.countWhere(`claimed_by <> ''`) == 0 }, waitFor, time.Millisecond)
	select {
	case err := <-ended:
		require.FailNow(t, "Run does not wait for its calls", "%v", err)
	default:
	}
	close(goOn)
	require.NoError(t, got(t, ended))
	require.EqualValues(t, 2, f.calls.Load())
	require.Equal(t, 2, f.countWhere(`state = 'succeeded'`))
	require.Equal(t, 18, f.countWhere(`state = 'pending' AND attempts = 0`))
	f.answer(nil)
	f.run(f.another())
	require.Eventually(t, func() bool { return f.countWhere(`state = 'succeeded'`) == 20 }, waitFor, 5*time.Millisecond)
	require.EqualValues(t, 20, f.calls.Load())
}

func (f *fixture) countWhere(condition string) int {
	f.Helper()
	return f.count(`deliveries WHERE ` + condition)
}

// A call that is cut short when the time for draining is up may have taken effect.
func TestDrainTimeout(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(config *deliveries.Config) { config.DrainTimeout = 20 * time.Millisecond })
	called := make(chan struct{})
	f.answer(func(ctx context.Context, _ deliveries.Delivery) (deliveries.Receipt, error) {
		close(called)
		<-ctx.Done()
		return deliveries.Receipt{}, context.Cause(ctx)
	})
	id := f.planned()
	stop := f.run(f.ledger)
	got(t, called)
	stop()
	require.Equal(t, row{State: deliveries.Failed, Reason: deliveries.ReasonAmbiguous, Attempts: 1, Risk: true}, f.row(id))
}

// What is planned in the same process is begun without waiting for the next look.
func TestPlanWakesRun(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(config *deliveries.Config) { config.PollInterval = time.Hour })
	f.run(f.ledger)
	f.settled(f.planned())
	id := f.planned()
	f.settled(id)
	other := f.another()
	event := f.event()
	require.NoError(t, pgx.BeginFunc(t.Context(), f.pool, func(tx pgx.Tx) error { return other.Plan(t.Context(), tx, event, toAda()) }))
	f.ledger.Wake()
	f.settled(f.idOf(event))
}

func TestRunTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	stop := f.run(f.ledger)
	f.settled(f.planned())
	require.ErrorContains(t, f.ledger.Run(t.Context()), "it runs already")
	stop()
	f.run(f.ledger)
	f.settled(f.planned())
}

// Without the tables there is nothing to wait for.
func TestRunWithoutTables(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), pgtest.Empty(t))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	f := newFixtureOn(t, pool, nil)
	require.ErrorContains(t, f.ledger.Run(t.Context()), "run the migrations")
	require.ErrorContains(t, f.ledger.Deliver(t.Context(), f.event(), toAda()), "run the migrations")
}

// Connections that break at any moment do no harm: every delivery ends, and each call has its attempt.
func TestConnectionsBreak(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(config *deliveries.Config) {
		config.Policy.Ambiguous, config.Policy.MaxAttempts = deliveries.Resend, -1
	})
	const planned = 200
	for range planned {
		f.planned()
	}
	killer, err := pgx.Connect(t.Context(), f.pool.Config().ConnString())
	require.NoError(t, err)
	defer killer.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // the test is over
	f.run(f.ledger)
	f.run(f.another())
	for killed := 0; killed < 40; {
		tag, err := killer.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND random() < 0.3`)
		require.NoError(t, err)
		killed += int(tag.RowsAffected())
	}
	require.Eventually(t, func() bool { // on the one connection that nobody has broken
		_, err := killer.Exec(t.Context(), `UPDATE contrail.delivery_attempts SET lease_until = clock_timestamp() - interval '1 s'
WHERE outcome = 'started' AND started_at < clock_timestamp() - interval '3 s'`)
		if err != nil {
			return false
		}
		var succeeded int
		err = killer.QueryRow(t.Context(), `SELECT count(*) FROM contrail.deliveries WHERE state = 'succeeded'`).Scan(&succeeded)
		return err == nil && succeeded == planned
	}, waitFor, 20*time.Millisecond)
	f.pool.Reset()
	var attempts, unfinished int
	require.NoError(t, f.pool.QueryRow(t.Context(), `SELECT count(*), count(*) FILTER (WHERE outcome = 'started') FROM contrail.delivery_attempts`).Scan(&attempts, &unfinished))
	require.Zero(t, unfinished)
	require.GreaterOrEqual(t, attempts, int(f.calls.Load()), "every call has its attempt")
	require.Zero(t, f.countWhere(`attempts <> (SELECT coalesce(max(number), 0) FROM contrail.delivery_attempts WHERE delivery = deliveries.id)
OR attempts <> (SELECT count(*) FROM contrail.delivery_attempts WHERE delivery = deliveries.id)`))
}
