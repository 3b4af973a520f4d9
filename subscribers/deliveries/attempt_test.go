package deliveries_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

func TestSuccessIsOneAttempt(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	event := f.event()
	seen := make(chan deliveries.Delivery, 2)
	f.answer(func(ctx context.Context, d deliveries.Delivery) (deliveries.Receipt, error) {
		require.Equal(t, event.ID.String(), contrail.MetadataFrom(ctx)[contrail.KeyCausationID])
		seen <- d
		return deliveries.Receipt{ID: "m-1", Response: "250 ok"}, nil
	})
	f.plan(event, toAda())
	id := f.idOf(event)
	f.run(f.ledger)
	require.Equal(t, row{State: deliveries.Succeeded, Attempts: 1}, f.settled(id))
	require.Equal(t, []attempt{{Number: 1, Outcome: deliveries.OutcomeSucceeded, Response: "250 ok", Receipt: "m-1"}}, f.attempts(id))
	d := got(t, seen)
	require.Equal(t, [7]any{id, "invoice-mail", "mail", "contact-42", "t-1", 1, false},
		[7]any{d.ID, d.Consumer, d.Channel, d.Recipient, d.Tenant, d.Attempt, d.DuplicateRisk})
	require.Equal(t, event.Recorded, d.Event)
	require.Equal(t, sourceOfTest, d.Source)
	require.Equal(t, id.String(), d.Key())
	require.Empty(t, seen)
}

func TestPerformedTwiceIsOneAttempt(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	id := f.inLane()
	due := f.due(id)
	for i := range 2 {
		result, err := f.ledger.Attempt(t.Context(), due, deliveries.AdapterFunc(f.deliver), deliveries.Policy{})
		require.NoError(t, err)
		require.Equal(t, i == 0, result.Begun)
	}
	require.EqualValues(t, 1, f.calls.Load())
	require.Equal(t, []string{"succeeded"}, f.outcomes(id))
}

// However a delivery has ended, one who still takes it for due calls nothing and begins nothing.
func TestTerminalStatesShortCircuit(t *testing.T) {
	t.Parallel()
	for state, end := range map[deliveries.State]error{
		deliveries.Succeeded: nil, deliveries.Suppressed: contrail.Skip("read already"), deliveries.Cancelled: contrail.Permanent(errDown),
	} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, nil)
			id := f.inLane()
			due := f.due(id)
			f.fail(end)
			_, err := f.attemptNow(id)
			require.NoError(t, err)
			ended, attempts := f.row(id), f.attempts(id)
			require.Equal(t, state, ended.State)
			f.calls.Store(0)
			result, err := f.ledger.Attempt(t.Context(), due, deliveries.AdapterFunc(f.deliver), deliveries.Policy{})
			require.NoError(t, err)
			require.Zero(t, result)
			require.NoError(t, f.ledger.Deliver(t.Context(), f.eventOf(id), toAda()), "a message that comes again is acknowledged")
			require.Zero(t, f.calls.Load())
			require.Equal(t, ended, f.row(id))
			require.Equal(t, attempts, f.attempts(id))
		})
	}
}

// eventOf is a delivery's event, as far as planning looks at it.
func (f *fixture) eventOf(id uuid.UUID) deliveries.Event {
	f.Helper()
	event := f.event()
	require.NoError(f, f.pool.QueryRow(f.Context(), `SELECT event FROM contrail.deliveries WHERE id = $1`, id).Scan(&event.ID))
	return event
}

func TestRecoversAtTheSecondAttempt(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	id := f.inLane()
	f.fail(deliveries.Temporary(errDown))
	result, err := f.attemptNow(id)
	require.NoError(t, err)
	require.ErrorIs(t, result.Err, errDown)
	require.Equal(t, row{State: deliveries.Failed, Reason: deliveries.ReasonTemporary, Attempts: 1, Due: true}, f.row(id), "not the end")
	f.answer(nil)
	_, err = f.attemptNow(id)
	require.NoError(t, err)
	require.Equal(t, row{State: deliveries.Succeeded, Attempts: 2}, f.row(id))
	require.Equal(t, []string{"failed temporary", "succeeded"}, f.outcomes(id))
}

func TestExhaustedAfterFive(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.fail(deliveries.Temporary(errDown))
	id := f.planned()
	f.run(f.ledger)
	require.Equal(t, row{State: deliveries.Cancelled, Reason: deliveries.ReasonExhausted, Attempts: 5}, f.settled(id))
	require.Len(t, f.outcomes(id), 5)
	require.EqualValues(t, 5, f.calls.Load())
	require.Equal(t, []string{"cancelled: retries_exhausted"}, f.log(id))
}

// Whatever adapters say, every delivery ends, or waits for a person.
func TestEveryReasonConverges(t *testing.T) {
	t.Parallel()
	cancelled := func(reason deliveries.Reason, attempts int) row {
		return row{State: deliveries.Cancelled, Reason: reason, Attempts: attempts}
	}
	held := row{State: deliveries.Failed, Reason: deliveries.ReasonAmbiguous, Attempts: 1, Risk: true}
	exhaustedRisk := cancelled(deliveries.ReasonExhausted, 2)
	exhaustedRisk.Risk = true
	for name, c := range map[string]struct {
		answer   func(ctx context.Context) error
		policy   deliveries.Policy
		expected row
		outcome  string
	}{
		"permanent": {func(context.Context) error { return fmt.Errorf("say: %w", contrail.Permanent(errDown)) }, deliveries.Policy{}, cancelled(deliveries.ReasonPermanent, 1), "failed permanent"},
		"bounced":   {func(context.Context) error { return deliveries.Bounced(errDown) }, deliveries.Policy{}, cancelled(deliveries.ReasonBounced, 1), "failed bounced"},
		"temporary": {func(context.Context) error { return deliveries.Temporary(errDown) }, deliveries.Policy{}, cancelled(deliveries.ReasonExhausted, 2), "failed temporary"},
		"later":     {func(context.Context) error { return contrail.RetryAfter(time.Millisecond, errDown) }, deliveries.Policy{}, cancelled(deliveries.ReasonExhausted, 2), "failed temporary"},
		"unknown":   {func(context.Context) error { return errDown }, deliveries.Policy{}, exhaustedRisk, "failed unknown"},
		"panic":     {func(context.Context) error { panic("no paper") }, deliveries.Policy{}, exhaustedRisk, "failed unknown"},
		"exit":      {func(context.Context) error { runtime.Goexit(); return nil }, deliveries.Policy{}, exhaustedRisk, "failed unknown"},
		"skipped": {
			func(context.Context) error { return contrail.Skip("read already") },
			deliveries.Policy{},
			row{State: deliveries.Suppressed, Reason: "read already", Attempts: 1},
			"skipped",
		},
		"ambiguous, held":   {func(context.Context) error { return deliveries.Ambiguous(io.ErrUnexpectedEOF) }, deliveries.Policy{}, held, "ambiguous"},
		"ambiguous, resent": {func(context.Context) error { return deliveries.Ambiguous(io.EOF) }, deliveries.Policy{Ambiguous: deliveries.Resend}, exhaustedRisk, "ambiguous"},
		"cut short": {
			func(ctx context.Context) error { <-ctx.Done(); return fmt.Errorf("post: %w", ctx.Err()) },
			deliveries.Policy{Timeout: 5 * time.Millisecond},
			held, "ambiguous",
		},
		"cut short, and known to be nothing": {
			func(ctx context.Context) error { <-ctx.Done(); return deliveries.Temporary(ctx.Err()) },
			deliveries.Policy{Timeout: 5 * time.Millisecond},
			cancelled(deliveries.ReasonExhausted, 2), "failed temporary",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(config *deliveries.Config) {
				c.policy.MaxAttempts, c.policy.Backoff = 2, config.Policy.Backoff
				config.Policy = c.policy
			})
			f.answer(func(ctx context.Context, _ deliveries.Delivery) (deliveries.Receipt, error) {
				return deliveries.Receipt{}, c.answer(ctx)
			})
			id := f.planned()
			f.run(f.ledger)
			require.Equal(t, c.expected, f.settled(id))
			outcomes := f.outcomes(id)
			require.Len(t, outcomes, c.expected.Attempts)
			for _, outcome := range outcomes {
				require.Equal(t, c.outcome, outcome)
			}
			require.EqualValues(t, c.expected.Attempts, f.calls.Load())
		})
	}
}

// What an adapter returns that says nothing of itself, or panics with, stands in the ledger before anybody else hears of it.
func TestUnknownIsRecordedBeforeItIsRaised(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"error": func() error { return fmt.Errorf("password=hunter2: %w", errDown) },
		"panic": func() error { panic(errDown) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, nil)
			f.answer(func(context.Context, deliveries.Delivery) (deliveries.Receipt, error) {
				return deliveries.Receipt{}, fail()
			})
			event := f.event()
			err := f.ledger.Deliver(t.Context(), event, toAda())
			require.ErrorIs(t, err, errDown)
			_, again := contrail.RetryDelay(err)
			require.True(t, again)
			id := f.idOf(event)
			require.Equal(t, row{State: deliveries.Failed, Reason: deliveries.ReasonUnknown, Attempts: 1, Due: true, Risk: true}, f.row(id))
			kept := f.attempts(id)[0]
			require.Equal(t, deliveries.ClassUnknown, kept.Class)
			require.NotContains(t, kept.Error, "hunter2")
			panicked, isPanic := errors.AsType[*deliveries.PanicError](err)
			require.Equal(t, name == "panic", isPanic)
			if isPanic {
				require.Contains(t, string(panicked.Stack), "attempt_test.go")
				require.Contains(t, kept.Error, "attempt_test.go:", "where it began")
			}
		})
	}
}

func TestAdapterByChannel(t *testing.T) {
	t.Parallel()
	called := make(chan string, 9)
	adapter := func(name string) deliveries.Adapter {
		return deliveries.AdapterFunc(func(_ context.Context, d deliveries.Delivery) (deliveries.Receipt, error) {
			called <- name + " for " + d.Channel
			return deliveries.Receipt{}, nil
		})
	}
	f := newFixture(t, func(config *deliveries.Config) {
		config.Adapters = map[string]deliveries.Adapter{"mail": adapter("mailer"), "": adapter("fallback")}
	})
	f.plan(f.event(), toAda(), deliveries.Target{Channel: "push", Recipient: "phone-1"})
	f.run(f.ledger)
	require.ElementsMatch(t, []string{"mailer for mail", "fallback for push"}, []string{got(t, called), got(t, called)})
}

// A process leaves deliveries alone that it has no adapter for.
func TestChannelOfAnotherProcess(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	push := deliveries.Target{Channel: "push", Recipient: "phone-1"}
	event := f.event()
	f.plan(event, push)
	mail := f.planned()
	config := f.config
	config.Adapters = map[string]deliveries.Adapter{"mail": config.Adapters[""]}
	mailer, err := deliveries.New(f.pool, config)
	require.NoError(t, err)
	f.run(mailer)
	require.Equal(t, deliveries.Succeeded, f.settled(mail).State)
	require.Equal(t, row{State: deliveries.Pending, Due: true}, f.row(f.idOf(event)))
	err = pgx.BeginFunc(t.Context(), f.pool, func(tx pgx.Tx) error { return mailer.Plan(t.Context(), tx, f.event(), push) })
	require.ErrorContains(t, err, `target 0: there is no adapter for channel "push"`)
}

// Sixteen workers, each a process of its own, fail at many deliveries: the numbers have no gap, and every call has its attempt.
func TestAttemptsAreContiguousUnder16Workers(t *testing.T) {
	t.Parallel()
	const processes, planned, attempts = 16, 20, 7
	f := newFixture(t, func(config *deliveries.Config) { config.Policy.MaxAttempts, config.Concurrency = attempts, 2 })
	f.fail(deliveries.Temporary(errDown))
	ids := make([]uuid.UUID, planned)
	for i := range ids {
		ids[i] = f.planned()
	}
	for range processes {
		f.run(f.another())
	}
	for _, id := range ids {
		require.Equal(t, row{State: deliveries.Cancelled, Reason: deliveries.ReasonExhausted, Attempts: attempts}, f.settled(id))
		require.Len(t, f.outcomes(id), attempts)
	}
	require.EqualValues(t, planned*attempts, f.calls.Load())
}

func TestSixteenWorkersOneCall(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	id := f.inLane()
	due := f.due(id)
	var begun atomic.Int64
	var all sync.WaitGroup
	start := make(chan struct{})
	for range 16 {
		ledger := f.another()
		all.Go(func() {
			<-start
			result, err := ledger.Attempt(t.Context(), due, deliveries.AdapterFunc(f.deliver), deliveries.Policy{})
			if err != nil {
				t.Error(err)
			}
			if result.Begun {
				begun.Add(1)
			}
		})
	}
	close(start)
	all.Wait()
	require.EqualValues(t, 1, begun.Load())
	require.EqualValues(t, 1, f.calls.Load())
	require.Equal(t, []string{"succeeded"}, f.outcomes(id))
}

func TestResponsesAreMadeHarmless(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.answer(func(context.Context, deliveries.Delivery) (deliveries.Receipt, error) {
		return deliveries.Receipt{ID: "id\x00\n1", Response: "\xff{\"api_key\":\"k-1\"}"}, deliveries.Temporary(errors.New("Authorization: Bearer abc\x1b[2J"))
	})
	id := f.inLane()
	result, err := f.attemptNow(id)
	require.NoError(t, err)
	require.Equal(t, attempt{
		Number: 1, Outcome: deliveries.OutcomeFailed, Class: deliveries.ClassTemporary,
		Error: "Authorization: [masked]", Response: `�{"api_key":"[masked]"}`, Receipt: "id 1",
	}, f.attempts(id)[0])
	require.Equal(t, deliveries.Receipt{ID: "id 1", Response: `�{"api_key":"[masked]"}`}, result.Receipt)
}

// A bound that was lowered meanwhile holds: what has used it up is cancelled without a call.
func TestLoweredBound(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	id := f.inLane()
	f.fail(deliveries.Temporary(errDown))
	for range 2 {
		_, err := f.attemptNow(id)
		require.NoError(t, err)
	}
	result, err := f.ledger.Attempt(t.Context(), f.due(id), deliveries.AdapterFunc(f.deliver), deliveries.Policy{MaxAttempts: 2})
	require.NoError(t, err)
	require.Equal(t, deliveries.Result{State: deliveries.Cancelled, Reason: deliveries.ReasonExhausted}, result)
	require.Equal(t, row{State: deliveries.Cancelled, Reason: deliveries.ReasonExhausted, Attempts: 2}, f.row(id))
	require.EqualValues(t, 2, f.calls.Load())
}

// Without a bound it goes on for as long as it takes.
func TestNoBound(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(config *deliveries.Config) { config.Policy.MaxAttempts = -1 })
	f.answer(func(_ context.Context, d deliveries.Delivery) (deliveries.Receipt, error) {
		if d.Attempt < 12 {
			return deliveries.Receipt{}, deliveries.Temporary(errDown)
		}
		return deliveries.Receipt{}, nil
	})
	id := f.planned()
	f.run(f.ledger)
	require.Equal(t, row{State: deliveries.Succeeded, Attempts: 12}, f.settled(id))
}
