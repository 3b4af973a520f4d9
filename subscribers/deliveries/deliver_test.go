package deliveries_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// A handler without a dispatcher: each time that the message comes there is one attempt, and the last one acknowledges it.
func TestDeliverAcknowledgesWhatIsExhausted(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	event := f.event()
	f.fail(deliveries.Temporary(errDown))
	for n := 1; n <= 4; n++ {
		delay, again := contrail.RetryDelay(f.ledger.Deliver(t.Context(), event, toAda()))
		require.True(t, again)
		require.Less(t, delay, time.Minute)
		require.Len(t, f.outcomes(f.idOf(event)), n)
	}
	for range 3 {
		require.NoError(t, f.ledger.Deliver(t.Context(), event, toAda()))
	}
	require.Equal(t, row{State: deliveries.Cancelled, Reason: deliveries.ReasonExhausted, Attempts: 5}, f.row(f.idOf(event)))
	require.EqualValues(t, 5, f.calls.Load())
}

// Of several targets each goes its own way, and the message comes back when the first is due.
func TestDeliverToSeveral(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	event := f.event()
	targets := []deliveries.Target{
		{Channel: "mail", Recipient: "ok"},
		{Channel: "mail", Recipient: "bounces"},
		{Channel: "mail", Recipient: "later"},
		{Channel: "mail", Recipient: "much later", NotBefore: time.Now().Add(10 * time.Hour)},
		{Channel: "mail", Recipient: "doubtful"},
	}
	f.answer(func(_ context.Context, d deliveries.Delivery) (deliveries.Receipt, error) {
		switch d.Recipient {
		case "bounces":
			return deliveries.Receipt{}, deliveries.Bounced(errDown)
		case "later":
			return deliveries.Receipt{}, contrail.RetryAfter(time.Hour, errDown)
		case "doubtful":
			return deliveries.Receipt{}, deliveries.Ambiguous(errDown)
		}
		return deliveries.Receipt{}, nil
	})
	for range 2 {
		delay, again := contrail.RetryDelay(f.ledger.Deliver(t.Context(), event, targets...))
		require.True(t, again)
		require.InDelta(t, time.Hour, delay, float64(time.Minute))
	}
	require.EqualValues(t, 4, f.calls.Load(), "nothing is called before it is due")
	f.exec(`UPDATE contrail.deliveries SET due_at = now() WHERE due_at IS NOT NULL`)
	f.answer(nil)
	require.NoError(t, f.ledger.Deliver(t.Context(), event, targets...), "what is held for a person does not hold the message")
	require.EqualValues(t, 6, f.calls.Load())
}

// A message that comes again while somebody else has its delivery in hand waits, and goes on when that one is gone.
func TestDeliverBesideAnother(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(config *deliveries.Config) { config.Policy.Ambiguous = deliveries.Resend })
	event := f.event()
	f.plan(event, toAda())
	f.exec(`SELECT contrail.delivery_begin($1, 'gone', interval '20 s', 5, 'resend', interval '0')`, f.idOf(event))
	delay, again := contrail.RetryDelay(f.ledger.Deliver(t.Context(), event, toAda()))
	require.True(t, again)
	require.InDelta(t, 21*time.Second, delay, float64(10*time.Second))
	require.Zero(t, f.calls.Load())
	f.expire()
	require.NoError(t, f.ledger.Deliver(t.Context(), event, toAda()))
	require.Equal(t, row{State: deliveries.Succeeded, Attempts: 2, Risk: true}, f.row(f.idOf(event)))
	require.Equal(t, []string{"ambiguous", "succeeded"}, f.outcomes(f.idOf(event)))
}

// An unknown error of the last attempt is recorded, and the message acknowledged.
func TestDeliverUnknownAtLast(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(config *deliveries.Config) { config.Policy.MaxAttempts = 1 })
	event := f.event()
	f.fail(errDown)
	require.NoError(t, f.ledger.Deliver(t.Context(), event, toAda()))
	require.Equal(t, row{State: deliveries.Cancelled, Reason: deliveries.ReasonExhausted, Attempts: 1, Risk: true}, f.row(f.idOf(event)))
}

// A dispatcher of the same ledger leaves it what it has just planned.
func TestDeliverBesideRun(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.run(f.another())
	f.run(f.ledger)
	for range 20 {
		require.NoError(t, f.ledger.Deliver(t.Context(), f.event(), toAda()))
	}
	require.EqualValues(t, 20, f.calls.Load())
}
