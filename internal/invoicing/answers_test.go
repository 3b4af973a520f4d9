package invoicing_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/internal/invoicing"
)

// Sixteen clients run one command with one key at the same moment: it is done once, and all are answered alike.
func TestOneKeyForSixteen(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	services, ctx := newServices(t, newTransactor(t, pool), domain.Config{}), t.Context()
	draft := newDraft(t, services)
	drafted, err := services.Invoices.Draft(ctx, actor, draft)
	require.NoError(t, err)
	for name, command := range map[string]func() (domain.Result, error){
		"draft": func() (domain.Result, error) { return services.Invoices.Draft(ctx, actor, draft, domain.Once("draft")) },
		"draft with a reference": func() (domain.Result, error) {
			return services.Invoices.Draft(ctx, actor, draft, domain.Once("reference"), domain.WithReference("r"))
		},
		"issue": func() (domain.Result, error) {
			return services.Invoices.Issue(ctx, actor, drafted.ID, domain.Once("issue"))
		},
		"rename at a version": func() (domain.Result, error) {
			return services.Organisations.Rename(ctx, actor, draft.OrganisationID, "Apex", domain.Once("rename"), domain.IfVersion(1))
		},
	} {
		before := len(recorded(t, pool))
		results, errs := make([]domain.Result, 16), make([]error, 16)
		var clients sync.WaitGroup
		for n := range results {
			clients.Go(func() { results[n], errs[n] = command() })
		}
		clients.Wait()
		first := 0
		for n, result := range results {
			require.NoError(t, errs[n], name)
			require.Equal(t, results[0].ID, result.ID, name)
			require.Equal(t, results[0].Version, result.Version, name)
			require.Len(t, result.Events, 1, name)
			require.Equal(t, results[0].Events[0].ID, result.Events[0].ID, name)
			require.Equal(t, results[0].Events[0].Position, result.Events[0].Position, name)
			if !result.Repeated {
				first++
			}
		}
		require.Equal(t, 1, first, name)
		require.Len(t, recorded(t, pool), before+1, name)
	}
}

func TestKeysInPostgreSQL(t *testing.T) {
	t.Parallel()
	services, ctx := newServices(t, newTransactor(t, newPool(t)), domain.Config{}), t.Context()
	draft, once := newDraft(t, services), domain.Once("k")
	drafted, err := services.Invoices.Draft(ctx, actor, draft)
	require.NoError(t, err)
	_, err = services.Invoices.Pay(ctx, actor, drafted.ID, once)
	require.ErrorContains(t, err, "can't pay", "refused, and not kept")
	_, err = services.Invoices.Issue(ctx, actor, drafted.ID, once)
	require.NoError(t, err)
	_, err = services.Invoices.Pay(ctx, actor, drafted.ID, once)
	require.ErrorIs(t, err, domain.ErrKeyReused)
	_, err = services.Organisations.Create(ctx, stranger, "Acme", once)
	require.NoError(t, err, "another tenant's keys are its own")
	again, err := services.Invoices.Issue(ctx, actor, drafted.ID, once, domain.IfVersion(1))
	require.NoError(t, err)
	require.True(t, again.Repeated)
	require.Equal(t, int64(2), again.Version)
}

// The connection is lost before the commit, and after it: the client hears of neither, and asks again.
func TestACrashInBetween(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	transactor, ctx := newTransactor(t, pool), t.Context()
	services := newServices(t, transactor, domain.Config{})
	draft, lost := newDraft(t, services), errors.New("the connection was lost")
	killed := newServices(t, gated{Transactor: transactor, uncommitted: func() error {
		_, err := pool.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'`)
		return err
	}}, domain.Config{})
	_, err := killed.Invoices.Draft(ctx, actor, draft, domain.Once("k"))
	require.Error(t, err)
	require.NotErrorIs(t, err, contrail.ErrConflict)
	require.Len(t, recorded(t, pool), 2, "nothing was committed")

	deaf := newServices(t, gated{Transactor: transactor, committed: func() error { return lost }}, domain.Config{})
	_, err = deaf.Invoices.Draft(ctx, actor, draft, domain.Once("k"))
	require.ErrorIs(t, err, lost)
	require.Len(t, recorded(t, pool), 3)
	drafted, err := services.Invoices.Draft(ctx, actor, draft, domain.Once("k"))
	require.NoError(t, err)
	require.True(t, drafted.Repeated)
	require.Len(t, recorded(t, pool), 3)
	found, err := services.Invoices.Find(ctx, actor, drafted.ID)
	require.NoError(t, err)
	require.Equal(t, drafted.Events[0].ID, found.Events[0].ID)
}

// While others keep the aggregate locked, a command waits no longer than its context.
func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	transactor := newTransactor(t, pool)
	services := newServices(t, transactor, domain.Config{})
	draft := newDraft(t, services)
	release := heldOpen(t, transactor, func(slow invoicing.Services) error {
		_, err := slow.Organisations.Rename(context.WithoutCancel(t.Context()), actor, draft.OrganisationID, "Apex")
		return err
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := services.Organisations.Rename(ctx, actor, draft.OrganisationID, "Acme")
		ended <- err
	}()
	waitsForALock(t, pool, 1)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.NoError(t, release())
}

func TestPruneAnswers(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	services, ctx := newServices(t, newTransactor(t, pool), domain.Config{}), t.Context()
	for n := range 3 {
		_, err := services.Organisations.Create(ctx, actor, "Acme", domain.Once(strconv.Itoa(n)))
		require.NoError(t, err)
	}
	_, err := pool.Exec(ctx, `UPDATE invoicing.answers SET created_at = now() - interval '8 days' WHERE key <> '2'`)
	require.NoError(t, err)
	_, err = pool.Exec(ctx, `INSERT INTO invoicing.answers SELECT 't3', n, '', 'organisation-1', 1, 1, now() - interval '9 days' FROM generate_series(1, 2500) n`)
	require.NoError(t, err)
	pruned, err := invoicing.PruneAnswers(ctx, pool, 7*24*time.Hour)
	require.NoError(t, err)
	require.EqualValues(t, 2502, pruned)
	again, err := services.Organisations.Create(ctx, actor, "Acme", domain.Once("2"))
	require.NoError(t, err)
	require.True(t, again.Repeated)
	anew, err := services.Organisations.Create(ctx, actor, "Acme", domain.Once("0"))
	require.NoError(t, err)
	require.False(t, anew.Repeated)

	_, err = invoicing.PruneAnswers(ctx, pool, -time.Hour)
	require.ErrorContains(t, err, "olderThan is -1h0m0s")
	again, err = services.Organisations.Create(ctx, actor, "Acme", domain.Once("2"))
	require.NoError(t, err)
	require.True(t, again.Repeated, "nothing was forgotten")
}
