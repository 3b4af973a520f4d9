package deliveries_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

func (f *fixture) count(table string) (count int) {
	f.Helper()
	require.NoError(f, f.pool.QueryRow(f.Context(), `SELECT count(*) FROM contrail.`+table).Scan(&count))
	return count
}

func TestPlanIsTheTransactions(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.run(f.ledger)
	err := pgx.BeginFunc(t.Context(), f.pool, func(tx pgx.Tx) error {
		require.NoError(t, f.ledger.Plan(t.Context(), tx, f.event(), toAda()))
		return errDown
	})
	require.ErrorIs(t, err, errDown)
	require.Zero(t, f.count("deliveries"))
	require.Zero(t, f.count("delivery_events"))
	id := f.planned()
	require.Equal(t, deliveries.Succeeded, f.settled(id).State)
	require.EqualValues(t, 1, f.calls.Load())
}

func TestPlannedTwiceIsOneDelivery(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	event := f.event()
	f.plan(event, toAda(), toAda())
	f.plan(event, toAda())
	require.Equal(t, 1, f.count("deliveries"))
	id := f.idOf(event)
	stop := f.run(f.ledger)
	f.settled(id)
	f.plan(event, toAda())
	f.plan(event, toAda(), deliveries.Target{Channel: "mail", Recipient: "contact-43"})
	require.Eventually(t, func() bool { return f.calls.Load() == 2 }, waitFor, 5*time.Millisecond)
	stop()
	require.Equal(t, 2, f.count("deliveries"))
	require.Equal(t, 1, f.count("delivery_events"))
	require.Equal(t, row{State: deliveries.Succeeded, Attempts: 1}, f.row(id))
}

func TestPlannedBy16AtOnceIsOneDelivery(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	event := f.event()
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if err := pgx.BeginFunc(t.Context(), f.pool, func(tx pgx.Tx) error { return f.ledger.Plan(t.Context(), tx, event, toAda()) }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Equal(t, 1, f.count("deliveries"))
}

// Ledgers of different consumers know nothing of one another.
func TestConsumersAreApart(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	other := newFixtureOn(t, f.pool, func(config *deliveries.Config) { config.Consumer = "invoice-print" })
	event := f.event()
	f.plan(event, toAda())
	id := f.idOf(event)
	other.plan(event, toAda())
	require.Equal(t, 2, f.count("deliveries"))
	f.run(f.ledger)
	f.settled(id)
	require.EqualValues(t, 1, f.calls.Load())
	require.Zero(t, other.calls.Load())
}

// Two consumers that plan the same events at the same time, in whatever order, don't wait for one another.
func TestConsumersPlanAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	other := newFixtureOn(t, f.pool, func(config *deliveries.Config) { config.Consumer = "invoice-print" })
	one, two := f.event(), f.event()
	first, err := f.pool.Begin(t.Context())
	require.NoError(t, err)
	defer first.Rollback(context.WithoutCancel(t.Context()))
	second, err := f.pool.Begin(t.Context())
	require.NoError(t, err)
	defer second.Rollback(context.WithoutCancel(t.Context()))
	for _, tx := range []pgx.Tx{first, second} {
		_, err := tx.Exec(t.Context(), `SET LOCAL lock_timeout = '5 s'`)
		require.NoError(t, err)
	}
	require.NoError(t, f.ledger.Plan(t.Context(), first, one, toAda()))
	require.NoError(t, other.ledger.Plan(t.Context(), second, two, toAda()))
	require.NoError(t, f.ledger.Plan(t.Context(), first, two, toAda()))
	require.NoError(t, other.ledger.Plan(t.Context(), second, one, toAda()))
	require.NoError(t, first.Commit(t.Context()))
	require.NoError(t, second.Commit(t.Context()))
	require.Equal(t, 4, f.count("deliveries"))
	require.Equal(t, 4, f.count("delivery_events"))
}

func TestPlannedForLater(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.run(f.ledger)
	target := toAda()
	target.NotBefore = time.Now().Add(300 * time.Millisecond)
	event := f.event()
	f.plan(event, target)
	id := f.idOf(event)
	require.Equal(t, []string{"deferred: not_before"}, f.log(id))
	f.settled(id)
	var began time.Time
	require.NoError(t, f.pool.QueryRow(t.Context(), `SELECT started_at FROM contrail.delivery_attempts WHERE delivery = $1`, id).Scan(&began))
	require.False(t, began.Before(target.NotBefore.Truncate(time.Microsecond)))
}

func TestWhatCannotBePlanned(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	sealed := f.event()
	sealed.Metadata = contrail.Metadata{contrail.KeySealedWith: "k-1"}
	plan := func(event deliveries.Event, targets ...deliveries.Target) error {
		return pgx.BeginFunc(t.Context(), f.pool, func(tx pgx.Tx) error { return f.ledger.Plan(t.Context(), tx, event, targets...) })
	}
	require.ErrorContains(t, plan(sealed, toAda()), "Config.Events and Config.Keys")
	err := plan(deliveries.Event{}, deliveries.Target{Recipient: "a\x00"}, deliveries.Target{Channel: "mail", Recipient: strings.Repeat("x", 501)})
	require.ErrorContains(t, err, "the event has no id")
	require.ErrorContains(t, err, "target 0: Channel is required")
	require.ErrorContains(t, err, `Recipient: "a\x00"`)
	require.ErrorContains(t, err, "target 1: Recipient has 501 bytes")
	require.NoError(t, plan(f.event()), "nobody is to be reached")
	require.Zero(t, f.count("delivery_events"))
	require.ErrorContains(t, f.ledger.Deliver(t.Context(), f.event(), deliveries.Target{Channel: "mail", Recipient: "x", Lane: "l"}), "for who holds the lane")
}

func TestConfigNamesEveryFault(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	_, err := deliveries.New(nil, deliveries.Config{})
	require.ErrorContains(t, err, "the database is nil")
	_, err = deliveries.New(pool, deliveries.Config{
		Policy:   deliveries.Policy{Timeout: -1, Ambiguous: "perhaps", Backoff: deliveries.Backoff{Min: 2, Max: 1}},
		Policies: map[string]deliveries.Policy{"mail": {Backoff: deliveries.Backoff{Schedule: []time.Duration{-1}}}, "": {}},
		Adapters: map[string]deliveries.Adapter{"mail": nil}, Rules: []deliveries.Rule{nil},
		Concurrency: -1, PollInterval: -1, RecoverInterval: -1, DrainTimeout: -1,
	})
	for _, fault := range []string{
		"Consumer is required", "Policy: Ambiguous", "Backoff: Min", "Timeout", `Policies["mail"]: `, `Policies[""] is for no channel`, "Schedule[0]", `Adapters["mail"] is nil`, "Rules[0] is nil",
		"Concurrency", "PollInterval", "RecoverInterval", "DrainTimeout",
	} {
		require.ErrorContains(t, err, fault)
	}
	ledger, err := deliveries.New(pool, deliveries.Config{Consumer: "planner"})
	require.NoError(t, err)
	require.ErrorContains(t, ledger.Run(t.Context()), "there is no adapter")
}

func TestErrorsAreTransparent(t *testing.T) {
	t.Parallel()
	for _, mark := range []func(error) error{deliveries.Temporary, deliveries.Bounced, deliveries.Ambiguous} {
		require.NoError(t, mark(nil))
		require.ErrorIs(t, mark(errDown), errDown)
		require.EqualError(t, mark(errDown), errDown.Error())
	}
	panicked := &deliveries.PanicError{Value: errDown, At: "x"}
	require.ErrorIs(t, panicked, errDown)
	require.NoError(t, errors.Unwrap(&deliveries.PanicError{Value: "no paper"}))
}
