package domain_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/rule"
)

// A rival renames the organisation between each load and append, as often as it is told to.
func TestConflictsAreTriedAgain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ configured, rivals, transactions int }{
		{0, 0, 1}, {0, 2, 3}, {1, 0, 1}, {5, 4, 5},
	} {
		f, rival := renamedUnderWay(t, test.configured, test.rivals)
		result, err := f.organisations.Rename(t.Context(), alice, rival.id, "Ours")
		require.NoError(t, err)
		require.Equal(t, int64(2+test.rivals), result.Events[0].Version)
		require.Len(t, result.Events, 1)
		require.Equal(t, test.transactions, rival.attempts)
	}
}

func TestConflictsAreTriedAgainNoMoreThanAttempts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ configured, transactions int }{{0, 8}, {1, 1}, {5, 5}} {
		f, rival := renamedUnderWay(t, test.configured, 1000)
		_, err := f.organisations.Rename(t.Context(), alice, rival.id, "Ours")
		require.ErrorIs(t, err, contrail.ErrConflict)
		require.ErrorContains(t, err, fmt.Sprintf("given up after %d attempts", test.transactions))
		require.Equal(t, test.transactions, rival.attempts)
	}
}

func TestNoOtherAttemptOnceTheContextHasEnded(t *testing.T) {
	t.Parallel()
	f, rival := renamedUnderWay(t, 5, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	rename := f.memory.onAppend
	f.memory.onAppend = func(stream contrail.StreamID) error {
		cancel()
		return rename(stream)
	}
	_, err := f.organisations.Rename(ctx, alice, rival.id, "Ours")
	require.ErrorIs(t, err, contrail.ErrConflict)
	require.Equal(t, 1, rival.attempts)
}

type rival struct {
	id       string
	attempts int
}

func renamedUnderWay(t *testing.T, attempts, rivals int) (*fixture, *rival) {
	t.Helper()
	f := newFixture(t, domain.Config{Attempts: attempts})
	r := &rival{id: f.organisation(t, alice)}
	f.memory.onAppend = func(contrail.StreamID) error {
		if r.attempts++; r.attempts <= rivals {
			f.memory.mu.Lock()
			defer f.memory.mu.Unlock()
			stream := contrail.NewStreamID("organisation", r.id).String()
			next := f.memory.streams[stream][len(f.memory.streams[stream])-1]
			next.Version++
			next.Type, next.Data = "OrganisationUpdated", []byte(`{"organisation":{"id":"`+r.id+`","name":"Theirs"}}`)
			f.memory.streams[stream] = append(f.memory.streams[stream], next)
		}
		return nil
	}
	return f, r
}

// Sixteen clients with all sorts of commands on one invoice: what comes out is a legal history, and each success is one event in it.
func TestManyClientsOnOneInvoice(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t, domain.Config{Attempts: 100}), t.Context()
	id := f.invoice(t, alice)
	var wait sync.WaitGroup
	results := make(chan error, 16*4)
	for range 16 {
		wait.Go(func() {
			_, err := f.invoices.Update(ctx, alice, id, domain.UpdateInvoice{
				DueDate: day("2021-01-31"), LineItems: []invoice.LineItem{line("x", "1", "AUD", 1)},
			})
			results <- err
			for _, command := range []func() (domain.Result, error){
				func() (domain.Result, error) { return f.invoices.Issue(ctx, alice, id) },
				func() (domain.Result, error) { return f.invoices.Void(ctx, alice, id) },
				func() (domain.Result, error) { return f.invoices.Pay(ctx, alice, id) },
			} {
				_, err := command()
				results <- err
			}
		})
	}
	wait.Wait()
	close(results)
	successes := 0
	for err := range results {
		if err == nil {
			successes++
			continue
		}
		require.True(t, errors.Is(err, rule.ErrRefused) || errors.Is(err, contrail.ErrConflict), err)
	}
	history := f.memory.types(contrail.NewStreamID("invoice", id))
	require.Len(t, history, successes+1)
	rest := slices.DeleteFunc(slices.Clone(history), func(name string) bool { return name == "InvoiceUpdated" })
	require.Contains(t, [][]string{
		{"InvoiceDrafted", "InvoiceVoided"},
		{"InvoiceDrafted", "InvoiceIssued", "InvoiceVoided"},
		{"InvoiceDrafted", "InvoiceIssued", "InvoicePaid"},
	}, rest)
}
