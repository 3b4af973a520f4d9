package deliveries_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// Sixteen persons have deliveries sent again while a ledger runs: what was held is sent once more, with the risk of a duplicate, what was
// given up is sent once as a new delivery, and what is cancelled at the same time is sent
// once or never.
func TestPersonsDecideWhileTheLedgerRuns(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	var sent, risky atomic.Int64
	ledger, err := deliveries.New(b.pool, deliveries.Config{
		Consumer: "invoice-mail", PollInterval: time.Millisecond,
		Adapters: map[string]deliveries.Adapter{"mail": deliveries.AdapterFunc(func(_ context.Context, d deliveries.Delivery) (deliveries.Receipt, error) {
			sent.Add(1)
			if d.DuplicateRisk {
				risky.Add(1)
			}
			return deliveries.Receipt{}, nil
		})},
	})
	require.NoError(t, err)
	held, cancelled, contested := b.planned(ledger), b.planned(ledger), b.planned(ledger)
	b.try(held, ambiguous())
	b.try(cancelled, permanent())
	b.try(contested, ambiguous())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- ledger.Run(ctx) }()
	becomes := map[uuid.UUID]bool{}
	for _, told := range together(b, func(ctx context.Context, conn *pgxpool.Conn) (deliveries.Decided, error) {
		if _, err := deliveries.Redrive(ctx, conn, held, ada("they have not got it")); err != nil {
			return deliveries.Decided{}, err
		}
		if _, err := deliveries.Redrive(ctx, conn, contested, ada("they have not got it")); err != nil {
			return deliveries.Decided{}, err
		}
		if _, err := deliveries.Cancel(ctx, conn, contested, ada("or have they")); err != nil {
			return deliveries.Decided{}, err
		}
		return deliveries.Redrive(ctx, conn, cancelled, ada("mended"))
	}) {
		becomes[told.Becomes] = true
	}
	require.Len(t, becomes, 1)
	open := deliveries.Filter{States: []deliveries.State{deliveries.Pending, deliveries.Dispatched, deliveries.Failed}}
	require.Eventually(t, func() bool { return len(listed(t, deliveries.List(t.Context(), b.pool, open))) == 0 }, 30*time.Second, 5*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
	for id := range becomes {
		require.Equal(t, []any{deliveries.Succeeded, 1, false}, []any{b.explain(id).State, b.explain(id).Attempts, b.explain(id).DuplicateRisk})
	}
	require.Equal(t, []any{deliveries.Succeeded, 2, true}, []any{b.explain(held).State, b.explain(held).Attempts, b.explain(held).DuplicateRisk})
	tries := int64(value[int](b, `SELECT count(*) FROM contrail.delivery_attempts WHERE outcome = 'succeeded'`))
	require.Equal(t, tries, sent.Load())
	require.LessOrEqual(t, tries, int64(3))
	require.Equal(t, tries-1, risky.Load())
}

// planned is a delivery of a real event, planned by a ledger.
func (b book) planned(ledger *deliveries.Ledger) uuid.UUID {
	b.Helper()
	event := deliveries.Event{
		Recorded: contrail.Recorded{
			Position: 17, ID: uuid.New(), Stream: contrail.NewStreamID("invoice", "42"), Version: 1, Type: "InvoiceIssued", Data: []byte(`{}`),
			Metadata: contrail.Metadata{}, RecordedAt: time.Now().UTC().Truncate(time.Microsecond),
		},
		Source: "/contrail/test/01920000-0000-7000-8000-000000000001", Sequence: 18,
	}
	require.NoError(b, pgx.BeginFunc(b.Context(), b.pool, func(tx pgx.Tx) error {
		return ledger.Plan(b.Context(), tx, event, deliveries.Target{Channel: "mail", Recipient: "contact-42"})
	}))
	return listed(b, deliveries.List(b.Context(), b.pool, deliveries.Filter{Event: event.ID}))[0]
}
