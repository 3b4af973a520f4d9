package deliveries_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// Run leaves lanes alone; who holds one gets its deliveries in their order, a page at a time, also those that are not due.
func TestLanes(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	var ids []uuid.UUID
	for range 5 {
		ids = append(ids, f.inLane())
	}
	f.run(f.ledger)
	f.settled(f.planned()) // planned later, and done
	require.EqualValues(t, 1, f.calls.Load())
	f.fail(deliveries.Temporary(errDown))
	result, err := f.ledger.Attempt(t.Context(), f.due(ids[0]), deliveries.AdapterFunc(f.deliver), deliveries.Policy{MaxAttempts: -1})
	require.NoError(t, err)
	require.False(t, result.Due.IsZero())
	first, err := f.ledger.Next(t.Context(), "lane", 0, 3)
	require.NoError(t, err)
	second, err := f.ledger.Next(t.Context(), "lane", first[2].Number, 3)
	require.NoError(t, err)
	var listed []uuid.UUID
	for _, due := range append(first, second...) {
		listed = append(listed, due.Delivery.ID)
		require.Equal(t, [2]string{"invoice-42", "InvoiceIssued"}, [2]string{due.Stream, due.Type})
	}
	require.Equal(t, ids, listed)
	require.Equal(t, [3]any{deliveries.Failed, 1, 2}, [3]any{first[0].State, first[0].Counted, first[0].Delivery.Attempt})
	_, err = f.ledger.Next(t.Context(), "", 0, 3)
	require.ErrorContains(t, err, "a lane and a limit")
}

// What is under way when its lane is cancelled is not tried again.
func TestCancelLane(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	pending, failing, succeeding, lost, done := f.inLane(), f.inLane(), f.inLane(), f.inLane(), f.in(deliveries.Succeeded)
	fails, failed := f.hang(failing, deliveries.Policy{})
	succeeds, succeeded := f.hang(succeeding, deliveries.Policy{})
	f.loseWith(lost, "resend")
	var cancelled int64
	require.NoError(t, pgx.BeginFunc(t.Context(), f.pool, func(tx pgx.Tx) (err error) {
		cancelled, err = f.ledger.CancelLane(t.Context(), tx, "lane", "endpoint_disabled")
		return err
	}))
	require.EqualValues(t, 4, cancelled)
	require.Equal(t, row{State: deliveries.Cancelled, Reason: "endpoint_disabled"}, f.row(pending))
	fails <- deliveries.Temporary(errDown)
	require.Equal(t, deliveries.Cancelled, got(t, failed).State)
	require.Equal(t, row{State: deliveries.Cancelled, Reason: "endpoint_disabled", Attempts: 1}, f.row(failing))
	succeeds <- nil
	require.Equal(t, deliveries.Succeeded, got(t, succeeded).State)
	require.Len(t, f.recover(byHand()), 1)
	require.Equal(t, row{State: deliveries.Cancelled, Reason: "endpoint_disabled", Attempts: 1, Risk: true}, f.row(lost))
	require.Equal(t, deliveries.Succeeded, f.row(done).State)
	require.Equal(t, []string{"cancelled: endpoint_disabled"}, f.log(failing))
}
