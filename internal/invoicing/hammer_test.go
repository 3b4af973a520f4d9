package invoicing_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/rule"
	"github.com/contrail-events/contrail/internal/invoicing"
)

// Sixteen clients hammer one invoice with commands that exclude one another, each of them twice and at the same time. The history is a
// legal one, every acknowledged command is in it exactly once, nothing else is, and nobody had to give up.
func TestSixteenClientsOnOneInvoice(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	services := newServices(t, newTransactor(t, pool), domain.Config{Attempts: 2})
	draft := newDraft(t, services)
	for round := range 4 {
		drafted, err := services.Invoices.Draft(t.Context(), actor, draft)
		require.NoError(t, err)
		var mu sync.Mutex
		acknowledged := map[string][]domain.Result{} // by key
		var clients sync.WaitGroup
		for client := range 16 {
			clients.Go(func() {
				for n := range 12 {
					key := fmt.Sprintf("round %d, pair %d, command %d", round, client/2, n)
					result, err := hammer(t.Context(), services, drafted.ID, draft, key)
					mu.Lock()
					if err == nil {
						acknowledged[key] = append(acknowledged[key], result)
					} else if !errors.Is(err, rule.ErrRefused) {
						t.Errorf("%s: %v", key, err)
					}
					mu.Unlock()
				}
			})
		}
		clients.Wait()
		found, err := services.Invoices.Find(t.Context(), actor, drafted.ID)
		require.NoError(t, err)
		requireLegal(t, found.Events)
		requireAcknowledged(t, acknowledged, found.Events[1:])
	}
}

// hammer runs the command that belongs to a key.
func hammer(ctx context.Context, services invoicing.Services, id string, draft domain.DraftInvoice, key string) (domain.Result, error) {
	seed := rand.New(rand.NewPCG(7, uint64(uuid.NewSHA1(uuid.Nil, []byte(key)).ID()))) // the same for the same key
	once := domain.Once(key)
	switch n := seed.IntN(100); {
	case n < 60:
		lines := []invoice.LineItem{draft.LineItems[0]}
		lines[0].Quantity = n + 1
		return services.Invoices.Update(ctx, actor, id, domain.UpdateInvoice{DueDate: draft.DueDate, LineItems: lines}, once)
	case n < 70:
		return services.Invoices.Issue(ctx, actor, id, once, domain.IfVersion(10, 11, 12, 13, 14, 15, 16, 17, 18))
	case n < 85:
		return services.Invoices.Pay(ctx, actor, id, once)
	case n < 90:
		return services.Invoices.Void(ctx, actor, id, once, domain.IfVersion(19, 20, 21, 22, 23, 24, 25))
	default:
		return services.Invoices.Delete(ctx, actor, id, once, domain.IfVersion(26, 27, 28, 29, 30))
	}
}

// requireLegal replays a history: whatever stands in it, the decider must come to at that very point.
func requireLegal(t *testing.T, history []contrail.Recorded) {
	t.Helper()
	decider := domain.Invoices()
	var at domain.Aggregate[invoice.State]
	for n, recorded := range history {
		require.Equal(t, int64(n+1), recorded.Version)
		if n > 0 {
			payloads, err := decider.Decide(at.State, command(t, decider, recorded))
			require.NoError(t, err, "version %d, %s", recorded.Version, recorded.Type)
			require.Equal(t, recorded.Type, payloads[0].EventType())
		}
		var err error
		at, err = decider.Apply(at, recorded)
		require.NoError(t, err)
		total, err := invoice.SubTotal(at.State.CurrencyCode, at.State.LineItems)
		require.NoError(t, err)
		require.True(t, total.Equal(at.State.SubTotal))
	}
}

// command is what leads to an event.
func command(
	t *testing.T, decider domain.Decider[invoice.State, invoice.Command, invoice.Event], recorded contrail.Recorded,
) invoice.Command {
	t.Helper()
	payloads, err := decider.Codec.Decode(recorded)
	require.NoError(t, err)
	require.Len(t, payloads, 1)
	switch event := payloads[0].(type) {
	case invoice.Updated:
		return invoice.Update{ContactID: event.Invoice.ContactID, DueDate: event.Invoice.DueDate, LineItems: event.Invoice.LineItems}
	case invoice.Issued:
		return invoice.Issue{At: event.Invoice.IssuedAt}
	case invoice.Paid:
		return invoice.Pay{At: event.Invoice.PaidAt}
	case invoice.Voided:
		return invoice.Void{}
	case invoice.Deleted:
		return invoice.Delete{At: event.Invoice.DeletedAt}
	}
	require.Fail(t, "no event of a hammer", recorded.Type)
	return nil
}

// requireAcknowledged finds each acknowledged command's event in the history, exactly one for each key, and no other.
func requireAcknowledged(t *testing.T, acknowledged map[string][]domain.Result, history []contrail.Recorded) {
	t.Helper()
	in := map[uuid.UUID]string{}
	for key, results := range acknowledged {
		first := 0
		for _, result := range results {
			require.Len(t, result.Events, 1)
			require.Equal(t, results[0].Events[0].ID, result.Events[0].ID, key)
			if !result.Repeated {
				first++
			}
		}
		require.Equal(t, 1, first, key)
		id := results[0].Events[0].ID
		require.Empty(t, in[id], "two keys, one event")
		in[id] = key
	}
	for _, recorded := range history {
		require.NotEmpty(t, in[recorded.ID], "version %d, %s, was acknowledged to nobody", recorded.Version, recorded.Type)
	}
	require.Len(t, history, len(in))
}
