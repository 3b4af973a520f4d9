package deliveries_test

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// carelessError is one that panics when it is nil, and asked.
type carelessError struct{ text string }

func (e *carelessError) Error() string { return e.text }

// An adapter that returns a nil pointer as its error, by mistake, does no more harm than one that panics.
func TestErrorThatPanics(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(config *deliveries.Config) { config.Policy.MaxAttempts = 2 })
	f.answer(func(context.Context, deliveries.Delivery) (deliveries.Receipt, error) {
		var mistake *carelessError
		return deliveries.Receipt{}, mistake
	})
	id := f.planned()
	f.run(f.ledger)
	require.Equal(t, row{State: deliveries.Cancelled, Reason: deliveries.ReasonExhausted, Attempts: 2, Risk: true}, f.settled(id))
	require.Equal(t, []string{"failed unknown", "failed unknown"}, f.outcomes(id))
	require.Contains(t, f.attempts(id)[0].Error, "panic: ")
}

// What could be listed no more is not planned.
func TestEventWithoutAStream(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for _, event := range []deliveries.Event{{Recorded: contrail.Recorded{ID: uuid.New()}}, {Recorded: contrail.Recorded{ID: uuid.New(), Stream: contrail.NewStreamID("", "x")}}} {
		err := pgx.BeginFunc(t.Context(), f.pool, func(tx pgx.Tx) error { return f.ledger.Plan(t.Context(), tx, event, toAda()) })
		require.ErrorContains(t, err, "stream")
	}
	for _, err := range deliveries.List(t.Context(), f.pool, deliveries.Filter{}) {
		require.NoError(t, err)
	}
}

// A bound that the database can't hold is refused, and not when the first delivery is begun.
func TestBoundOfAttempts(t *testing.T) {
	t.Parallel()
	_, err := deliveries.New(newFixture(t, nil).pool, deliveries.Config{Consumer: "invoice-mail", Policy: deliveries.Policy{MaxAttempts: math.MaxInt32 + 1}})
	require.ErrorContains(t, err, "Policy: MaxAttempts")
}

// While somebody else is about to recover a lost attempt, or by another clock its lease is not over, the message comes back after a while, and not at once, again and again.
func TestDeliverWaitsForARecovery(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	event := f.event()
	f.plan(event, toAda())
	id := f.idOf(event)
	f.exec(`SELECT contrail.delivery_begin($1, 'another', '1 minute', 5, 'hold', '1 hour')`, id)
	f.expire()
	tx, err := f.pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	_, err = tx.Exec(t.Context(), `SELECT FROM contrail.delivery_attempts WHERE delivery = $1 FOR UPDATE`, id)
	require.NoError(t, err)
	delay, again := contrail.RetryDelay(f.ledger.Deliver(t.Context(), event, toAda()))
	require.True(t, again)
	require.Positive(t, delay)
}

// An event that the ledger keeps and can't decode any more ends its delivery, whether or not there are rules.
func TestUndecodableEvent(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string][]deliveries.Rule{"no rules": nil, "rules": {says(deliveries.Send())}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(config *deliveries.Config) { config.Rules = rules })
			id := f.inLane()
			f.exec(`UPDATE contrail.delivery_events SET body = 'nonsense'`)
			_, err := f.attemptNow(id)
			require.NoError(t, err)
			require.Equal(t, row{State: deliveries.Cancelled, Reason: deliveries.ReasonPermanent, Attempts: 1}, f.row(id))
			require.Zero(t, f.calls.Load())
		})
	}
}

// readerFunc is a function as a Reader.
type readerFunc func(ctx context.Context, ref deliveries.Ref) (deliveries.Event, error)

func (r readerFunc) Read(ctx context.Context, ref deliveries.Ref) (deliveries.Event, error) {
	return r(ctx, ref)
}

// noKeys opens nothing.
type noKeys struct{}

func (noKeys) Open(context.Context, []contrail.Recorded) error { return nil }

// Where an event is read back, or a rule, takes all the time that there is, or panics: the delivery is put off, and no worker lost.
func TestWhatIsAskedBeforeAnAttemptHangs(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for name, c := range map[string]struct {
		ask    func(ctx context.Context) error
		sealed bool
		reason deliveries.Reason
	}{
		"rule that hangs":    {hang, false, deliveries.ReasonRuleFailed},
		"reader that hangs":  {hang, true, deliveries.ReasonUnread},
		"reader that panics": {func(context.Context) error { panic(errors.New("no such bucket")) }, true, deliveries.ReasonUnread},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(config *deliveries.Config) {
				config.Policy.Backoff = deliveries.Backoff{Schedule: []time.Duration{time.Hour}}
				config.Keys = noKeys{}
				config.Events = readerFunc(func(ctx context.Context, _ deliveries.Ref) (deliveries.Event, error) {
					return deliveries.Event{}, c.ask(ctx)
				})
				config.Rules = []deliveries.Rule{at(deliveries.Sending, func(ctx context.Context, _ deliveries.RuleContext) (deliveries.Verdict, error) {
					return deliveries.Send(), c.ask(ctx)
				})}
			})
			event, target := f.event(), toAda()
			if c.sealed {
				event.Metadata = contrail.Metadata{contrail.KeySealedWith: "k-1"}
			}
			target.Lane = "lane"
			f.plan(event, target)
			result, err := f.attemptNow(f.idOf(event))
			require.NoError(t, err)
			require.Equal(t, deliveries.Pending, result.State)
			require.Equal(t, c.reason, result.Reason)
			require.WithinDuration(t, time.Now().Add(time.Hour), result.Due, 10*time.Minute)
		})
	}
}

// heldUp is a database of which a process hears nothing for a while when it has begun a delivery.
type heldUp struct {
	*pgxpool.Pool

	meanwhile func()
}

func (h heldUp) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	row := h.Pool.QueryRow(ctx, sql, args...)
	if strings.Contains(sql, "delivery_begin") {
		return heldUpRow{row, h.meanwhile}
	}
	return row
}

type heldUpRow struct {
	pgx.Row

	meanwhile func()
}

func (r heldUpRow) Scan(dest ...any) error {
	defer r.meanwhile()
	return r.Row.Scan(dest...)
}

// A process that stands still between the begin of an attempt and its call, as one that is stopped or starved, does not call any more when others may
// have taken the attempt for lost.
func TestHeldUpBetweenBeginAndCall(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(config *deliveries.Config) { config.Policy.Ambiguous = deliveries.Resend })
	id := f.inLane()
	due := f.due(id)
	again := f.another()
	ledger, err := deliveries.New(heldUp{f.pool, func() {
		f.expire()
		_, err := again.Recover(t.Context())
		require.NoError(t, err)
		result, err := again.Attempt(t.Context(), f.due(id), deliveries.AdapterFunc(f.deliver), deliveries.Policy{})
		require.NoError(t, err)
		require.Equal(t, deliveries.Succeeded, result.State)
		<-time.After(11 * time.Second)
	}}, f.config)
	require.NoError(t, err)
	result, err := ledger.Attempt(t.Context(), due, deliveries.AdapterFunc(f.deliver), deliveries.Policy{})
	require.NoError(t, err)
	require.True(t, result.Late)
	require.Equal(t, deliveries.Succeeded, result.State)
	require.Equal(t, []string{"ambiguous", "succeeded"}, f.outcomes(id))
	require.EqualValues(t, 1, f.calls.Load(), "the one that stood still calls nobody")
	require.Equal(t, "failed", *f.attempts(id)[0].Late)
}

// cutOff is a database that begins a delivery and can't say so, a few times.
type cutOff struct {
	*pgxpool.Pool

	times atomic.Int32
}

func (c *cutOff) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	row := c.Pool.QueryRow(ctx, sql, args...)
	if strings.Contains(sql, "delivery_begin") && c.times.Add(-1) >= 0 {
		return cutOffRow{row}
	}
	return row
}

type cutOffRow struct{ pgx.Row }

func (r cutOffRow) Scan(dest ...any) error {
	return errors.Join(r.Row.Scan(dest...), io.ErrUnexpectedEOF)
}

// A begin that the database carries out and does not answer leaves an attempt that called nobody: it counts against no bound.
func TestUnansweredBeginUsesUpNoAttempt(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(config *deliveries.Config) { config.Policy.MaxAttempts = 2 })
	id := f.inLane()
	db := &cutOff{Pool: f.pool}
	db.times.Store(3)
	ledger, err := deliveries.New(db, f.config)
	require.NoError(t, err)
	for range 3 {
		_, err := ledger.Attempt(t.Context(), f.due(id), deliveries.AdapterFunc(f.deliver), deliveries.Policy{})
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Equal(t, deliveries.Failed, f.row(id).State)
		f.exec(`UPDATE contrail.deliveries SET due_at = clock_timestamp() WHERE id = $1`, id)
	}
	require.Zero(t, f.calls.Load())
	due := f.due(id)
	require.Zero(t, due.Counted)
	result, err := ledger.Attempt(t.Context(), due, deliveries.AdapterFunc(f.deliver), deliveries.Policy{})
	require.NoError(t, err)
	require.Equal(t, deliveries.Succeeded, result.State)
	require.Equal(t, []string{"failed temporary", "failed temporary", "failed temporary", "succeeded"}, f.outcomes(id))
}

// Cap is exact whatever isolation the database gives to transactions that ask for none.
func TestCapWhereTransactionsAreIsolated(t *testing.T) {
	t.Parallel()
	config := pgtest.New(t).Config()
	config.ConnConfig.RuntimeParams["default_transaction_isolation"] = "repeatable read"
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	f := newFixtureOn(t, pool, func(config *deliveries.Config) {
		config.Rules = []deliveries.Rule{at(deliveries.Sending, deliveries.Cap(3, time.Hour))}
	})
	var ids []uuid.UUID
	for range 40 {
		ids = append(ids, f.planned())
	}
	for range 4 {
		f.run(f.another())
	}
	for _, id := range ids {
		f.settled(id)
	}
	require.EqualValues(t, 3, f.calls.Load())
}

// Where the clock of the database and that of a process differ by an hour, that of the database counts: what is due is tried at once, and not before.
func TestClocksDiffer(t *testing.T) {
	t.Parallel()
	for _, skew := range []string{"1 hour", "-1 hour"} {
		t.Run(skew, func(t *testing.T) {
			t.Parallel()
			owner := pgtest.New(t)
			for _, clock := range []string{"now", "clock_timestamp"} {
				_, err := owner.Exec(t.Context(), `CREATE SCHEMA IF NOT EXISTS skewed`)
				require.NoError(t, err)
				_, err = owner.Exec(t.Context(), `CREATE FUNCTION skewed.`+clock+`() RETURNS timestamptz LANGUAGE sql AS
					'SELECT pg_catalog.`+clock+`() + interval ''`+skew+`'''`)
				require.NoError(t, err)
			}
			config := owner.Config()
			config.ConnConfig.RuntimeParams["search_path"] = "skewed, pg_catalog, public"
			pool, err := pgxpool.NewWithConfig(t.Context(), config)
			require.NoError(t, err)
			t.Cleanup(pool.Close)
			f := newFixtureOn(t, pool, nil)
			require.NoError(t, f.ledger.Deliver(t.Context(), f.event(), toAda()))
			require.EqualValues(t, 1, f.calls.Load())
			lost := f.planned()
			f.exec(`SELECT contrail.delivery_begin($1, 'another', '1 minute', 5, 'resend', '0 s')`, lost)
			id := f.planned()
			stop := f.run(f.ledger)
			require.Equal(t, row{State: deliveries.Succeeded, Attempts: 1}, f.settled(id))
			require.Equal(t, deliveries.Dispatched, f.row(lost).State, "its lease is not over")
			f.expire()
			require.Equal(t, row{State: deliveries.Succeeded, Attempts: 2, Risk: true}, f.settled(lost))
			stop()
			f.fail(deliveries.Temporary(errDown))
			event := f.event()
			_, again := contrail.RetryDelay(f.ledger.Deliver(t.Context(), event, toAda()))
			require.True(t, again)
			f.answer(nil)
			require.NoError(t, f.ledger.Deliver(t.Context(), event, toAda()))
		})
	}
}
