package deliveries_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

func byHand() deliveries.RecoverOptions {
	return deliveries.RecoverOptions{By: "ada@ops", Because: "the host is gone", Limit: 1000}
}

func (f *fixture) recover(options deliveries.RecoverOptions) []deliveries.Recovered {
	f.Helper()
	recovered, err := deliveries.Recover(f.Context(), f.pool, options)
	require.NoError(f, err)
	return recovered
}

// hang begins an attempt whose call goes on until answered, and returns what becomes of it.
func (f *fixture) hang(id uuid.UUID, policy deliveries.Policy) (answered chan<- error, results <-chan deliveries.Result) {
	f.Helper()
	called, answers, ended := make(chan struct{}), make(chan error), make(chan deliveries.Result, 1)
	adapter := deliveries.AdapterFunc(func(context.Context, deliveries.Delivery) (deliveries.Receipt, error) {
		close(called)
		return deliveries.Receipt{ID: "late"}, <-answers
	})
	due := f.due(id)
	go func() {
		result, err := f.ledger.Attempt(f.Context(), due, adapter, policy)
		if err != nil {
			f.Error(err)
		}
		ended <- result
	}()
	got(f, called)
	return answers, ended
}

func TestStaleAttemptBecomesAmbiguous(t *testing.T) {
	t.Parallel()
	for handling, expected := range map[deliveries.Handling]row{
		deliveries.Hold:   {State: deliveries.Failed, Reason: deliveries.ReasonAmbiguous, Attempts: 1, Risk: true},
		deliveries.Resend: {State: deliveries.Failed, Reason: deliveries.ReasonAmbiguous, Attempts: 1, Risk: true, Due: true},
	} {
		t.Run(string(handling), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, nil)
			id := f.inLane()
			answers, ended := f.hang(id, deliveries.Policy{Ambiguous: handling})
			require.Empty(t, f.recover(byHand()), "its lease is not over")
			f.expire()
			recovered := f.recover(byHand())
			require.Len(t, recovered, 1)
			require.Equal(t, [4]any{id, 1, deliveries.Failed, handling == deliveries.Hold},
				[4]any{recovered[0].ID, recovered[0].Attempt, recovered[0].State, recovered[0].Due.IsZero()})
			require.Equal(t, expected, f.row(id))
			require.Equal(t, []string{"ambiguous"}, f.outcomes(id))
			require.Equal(t, "recovered: the host is gone", f.log(id)[0])
			answers <- nil
			got(t, ended)
		})
	}
}

// What comes when the attempt is ambiguous already is kept beside it.
func TestLateSuccessChangesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	id := f.inLane()
	answers, ended := f.hang(id, deliveries.Policy{})
	f.expire()
	f.recover(byHand())
	held := f.row(id)
	answers <- nil
	result := got(t, ended)
	require.True(t, result.Late)
	require.Equal(t, deliveries.Failed, result.State)
	require.Equal(t, held, f.row(id))
	kept := f.attempts(id)[0]
	require.Equal(t, deliveries.OutcomeAmbiguous, kept.Outcome)
	require.Equal(t, "succeeded", *kept.Late)
	require.Empty(t, kept.Receipt)
}

// A call that does not return is given up, and what it says in the end is kept.
func TestCallThatDoesNotReturn(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(config *deliveries.Config) { config.Policy.Timeout = 10 * time.Millisecond })
	returns := make(chan struct{})
	f.answer(func(context.Context, deliveries.Delivery) (deliveries.Receipt, error) {
		<-returns
		return deliveries.Receipt{ID: "m-1"}, nil
	})
	id := f.planned()
	f.run(f.ledger)
	require.Equal(t, row{State: deliveries.Failed, Reason: deliveries.ReasonAmbiguous, Attempts: 1, Risk: true}, f.settled(id))
	require.Contains(t, f.attempts(id)[0].Error, "the call did not return within 10ms")
	close(returns)
	require.Eventually(t, func() bool { return f.attempts(id)[0].Late != nil }, waitFor, 5*time.Millisecond)
	require.Equal(t, "succeeded", *f.attempts(id)[0].Late)
	require.Equal(t, deliveries.Failed, f.row(id).State)
}

func TestRecoveredOnceBy16(t *testing.T) {
	t.Parallel()
	const lost = 40
	f := newFixture(t, nil)
	for range lost {
		f.lose(f.inLane())
	}
	var mu sync.Mutex
	times := map[uuid.UUID]int{}
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for range lost {
				options := byHand()
				options.By, options.Limit = fmt.Sprintf("worker-%d", i), 3
				recovered, err := deliveries.Recover(t.Context(), f.pool, options)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				for _, one := range recovered {
					times[one.ID]++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	require.Len(t, times, lost)
	for id, n := range times {
		require.Equal(t, 1, n)
		require.Equal(t, []string{"recovered: the host is gone", "held: ambiguous"}, f.log(id))
	}
}

// lose leaves an attempt behind as a process does that was killed in the call.
func (f *fixture) lose(id uuid.UUID) {
	f.Helper()
	f.loseWith(id, "hold")
}

func (f *fixture) loseWith(id uuid.UUID, handling string) {
	f.Helper()
	f.exec(`SELECT contrail.delivery_begin($1, 'gone', interval '-1 s', 5, $2, interval '0')`, id, handling)
	require.Equal(f, deliveries.Dispatched, f.row(id).State)
}

func TestRecoverIsOneTenants(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	mine, event, target := f.inLane(), f.event(), toAda()
	event.Metadata[contrail.KeyTenantID], target.Lane = "t-2", "lane"
	f.plan(event, target)
	theirs := f.idOf(event)
	f.lose(mine)
	f.lose(theirs)
	options := byHand()
	options.Tenant = "t-3"
	require.Empty(t, f.recover(options))
	options.Tenant, options.Delivery = "t-1", theirs
	require.Empty(t, f.recover(options), "not to be told from one that there is not")
	options.Delivery = uuid.Nil
	require.Len(t, f.recover(options), 1)
	require.Equal(t, deliveries.Failed, f.row(mine).State)
	require.Equal(t, deliveries.Dispatched, f.row(theirs).State)
	options.Tenant, options.Consumer = "", "another"
	require.Empty(t, f.recover(options))
}

// A delivery gets stuck and is recovered, over and over, until it has used up its attempts.
func TestRecoveredAgainAndAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	id := f.inLane()
	for n := 1; n <= 5; n++ {
		f.loseWith(id, "resend")
		require.Len(t, f.recover(byHand()), 1)
		require.Len(t, f.outcomes(id), n)
	}
	require.Equal(t, row{State: deliveries.Cancelled, Reason: deliveries.ReasonExhausted, Attempts: 5, Risk: true}, f.row(id))
}

// A person may decide otherwise than what was agreed upon.
func TestRecoverOverrides(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	id := f.inLane()
	f.lose(id)
	options := byHand()
	options.Ambiguous = deliveries.Resend
	require.False(t, f.recover(options)[0].Due.IsZero())
	result, err := f.attemptNow(id)
	require.NoError(t, err)
	require.Equal(t, deliveries.Succeeded, result.State)
	require.True(t, f.attempts(id)[1].Risk, "the adapter knows that it may be the second time")
	_, err = deliveries.Recover(t.Context(), f.pool, deliveries.RecoverOptions{Ambiguous: "x", Limit: -1})
	for _, fault := range []string{"By is required", "Because is required", "Ambiguous", "Limit"} {
		require.ErrorContains(t, err, fault)
	}
}

func TestRunRecovers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	id := f.planned()
	f.loseWith(id, "resend")
	risk := make(chan bool, 1)
	f.answer(func(_ context.Context, d deliveries.Delivery) (deliveries.Receipt, error) {
		risk <- d.DuplicateRisk
		return deliveries.Receipt{}, nil
	})
	f.run(f.ledger)
	require.Equal(t, row{State: deliveries.Succeeded, Attempts: 2, Risk: true}, f.settled(id))
	require.True(t, got(t, risk))
}

// However many there are, Run recovers them in one go.
func TestRunRecoversAll(t *testing.T) {
	t.Parallel()
	const lost = 250
	f := newFixture(t, func(config *deliveries.Config) { config.RecoverInterval = time.Hour })
	targets := make([]deliveries.Target, lost)
	for i := range targets {
		targets[i] = deliveries.Target{Channel: "mail", Recipient: fmt.Sprintf("contact-%d", i)}
	}
	f.plan(f.event(), targets...)
	f.exec(`SELECT contrail.delivery_begin(id, 'gone', interval '-1 s', 5, 'resend', interval '0') FROM contrail.deliveries`)
	f.run(f.ledger)
	require.Eventually(t, func() bool { return f.countWhere(`state = 'succeeded' AND attempts = 2`) == lost }, waitFor, 10*time.Millisecond)
}
