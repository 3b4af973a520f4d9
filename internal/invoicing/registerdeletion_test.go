package invoicing_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/internal/invoicing"
)

// A deletion waits for a draft that refers to what is deleted, and a rename does not.
func TestADeletionWaitsForADraft(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{organisation.Category, contact.Category} {
		pool := newPool(t)
		transactor := newTransactor(t, pool)
		services := newServices(t, transactor, domain.Config{})
		draft := newDraft(t, services)
		release := heldOpen(t, transactor, func(slow invoicing.Services) error {
			_, err := slow.Invoices.Draft(context.WithoutCancel(t.Context()), actor, draft)
			return err
		})
		_, err := services.Organisations.Rename(t.Context(), actor, draft.OrganisationID, "Apex")
		require.NoError(t, err)
		_, err = services.Contacts.Update(t.Context(), actor, draft.ContactID, ada())
		require.NoError(t, err)
		deleted := make(chan error, 1)
		go func() { deleted <- deletion(t.Context(), services, draft, kind) }()
		waitsForALock(t, pool, 1)
		require.NoError(t, release())
		require.NoError(t, <-deleted)
		require.Error(t, draftAgain(t, services, draft))
		requireNothingAfterADeletion(t, pool)
	}
}

// A draft waits for the deletion of what it refers to, and is refused.
func TestADraftWaitsForADeletion(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]error{organisation.Category: organisation.ErrDeleted, contact.Category: contact.ErrDeleted} {
		pool := newPool(t)
		transactor := newTransactor(t, pool)
		services := newServices(t, transactor, domain.Config{})
		draft := newDraft(t, services)
		release := heldOpen(t, transactor, func(slow invoicing.Services) error {
			return deletion(context.WithoutCancel(t.Context()), slow, draft, kind)
		})
		drafted := make(chan error, 1)
		go func() {
			_, err := services.Invoices.Draft(t.Context(), actor, draft)
			drafted <- err
		}()
		waitsForALock(t, pool, 1)
		require.NoError(t, release())
		require.ErrorIs(t, <-drafted, want)
	}
}

// Drafts and a deletion begin at the same moment, again and again, also where the register has lost what they meet at.
func TestNothingIsDraftedAfterADeletion(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	services := newServices(t, newTransactor(t, pool), domain.Config{})
	for round := range 24 {
		kind := []string{organisation.Category, contact.Category}[round%2]
		draft := newDraft(t, services)
		if round%4 >= 2 {
			_, err := pool.Exec(t.Context(), `DELETE FROM invoicing.register`)
			require.NoError(t, err)
		}
		var clients sync.WaitGroup
		barrier := make(chan struct{})
		for n := range 8 {
			clients.Go(func() {
				<-barrier
				if n == round%8 {
					if err := deletion(t.Context(), services, draft, kind); err != nil {
						t.Errorf("delete: %v", err)
					}
					return
				}
				for range 3 {
					_, err := services.Invoices.Draft(t.Context(), actor, draft)
					if err != nil && !isDeleted(err) {
						t.Errorf("draft: %v", err)
					}
				}
			})
		}
		close(barrier)
		clients.Wait()
		require.True(t, isDeleted(draftAgain(t, services, draft)))
	}
	requireNothingAfterADeletion(t, pool)
}

func deletion(ctx context.Context, services invoicing.Services, draft domain.DraftInvoice, kind string) (err error) {
	if kind == contact.Category {
		_, err = services.Contacts.Delete(ctx, actor, draft.ContactID)
	} else {
		_, err = services.Organisations.Delete(ctx, actor, draft.OrganisationID)
	}
	return err
}

func draftAgain(t *testing.T, services invoicing.Services, draft domain.DraftInvoice) error {
	t.Helper()
	_, err := services.Invoices.Draft(t.Context(), actor, draft)
	return err
}

// requireNothingAfterADeletion looks at the global order: no draft may refer to what was deleted before it.
func requireNothingAfterADeletion(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	var late int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM contrail.events draft JOIN contrail.events gone ON gone.position < draft.position
		AND gone.type IN ('OrganisationDeleted', 'ContactDeleted') AND gone.stream IN
		('organisation-' || (draft.data#>>'{invoice,organisation_id}'), 'contact-' || (draft.data#>>'{invoice,contact_id}'))
		WHERE draft.type = 'InvoiceDrafted'`).Scan(&late))
	require.Zero(t, late, "drafts of what was deleted")
	var deletions int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM contrail.events WHERE type LIKE '%Deleted'`).Scan(&deletions))
	require.Positive(t, deletions)
}

func isDeleted(err error) bool {
	return errors.Is(err, organisation.ErrDeleted) || errors.Is(err, contact.ErrDeleted)
}
