package invoicing_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// Sixteen clients want one reference: one gets it, and all others are told who did.
func TestOneReferenceForOne(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	services := newServices(t, newTransactor(t, pool), domain.Config{})
	draft := newDraft(t, services)
	results, errs := make([]domain.Result, 16), make([]error, 16)
	var clients sync.WaitGroup
	for n := range results {
		clients.Go(func() {
			results[n], errs[n] = services.Invoices.Draft(t.Context(), actor, draft, domain.WithReference("r"))
		})
	}
	clients.Wait()
	winner := ""
	for n, err := range errs {
		if err == nil {
			require.Empty(t, winner)
			winner = results[n].ID
		}
	}
	require.NotEmpty(t, winner)
	for _, err := range errs {
		if err != nil {
			var taken *domain.ReferenceError
			require.ErrorAs(t, err, &taken)
			require.Equal(t, winner, taken.ID)
		}
	}
	require.Len(t, recorded(t, pool), 3)
	_, err := services.Organisations.Create(t.Context(), actor, "Acme", domain.WithReference("r"))
	require.NoError(t, err, "each kind has its own")
	_, err = services.Organisations.Create(t.Context(), stranger, "Acme", domain.WithReference("r"))
	require.NoError(t, err, "each tenant has its own")
}

// entries reads the whole register.
func entries(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()
	rows, err := pool.Query(t.Context(), `SELECT r::text FROM invoicing.register r ORDER BY 1`)
	require.NoError(t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return all
}

// What the commands wrote is what the events say: rows that are lost or behind are written as they were.
func TestTheRegisterIsMadeAnew(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	enact(t, pool, 20)
	services := newServices(t, newTransactor(t, pool), domain.Config{})
	draft := newDraft(t, services)
	other, err := services.Contacts.Create(t.Context(), actor, draft.OrganisationID, ada(), domain.WithReference("Größe 7"))
	require.NoError(t, err)
	drafted, err := services.Invoices.Draft(t.Context(), actor, draft, domain.WithReference("r"))
	require.NoError(t, err)
	_, err = services.Invoices.Update(t.Context(), actor, drafted.ID, domain.UpdateInvoice{
		ContactID: other.ID, DueDate: draft.DueDate, LineItems: draft.LineItems,
	})
	require.NoError(t, err)
	require.NoError(t, deletion(t.Context(), services, draft, contact.Category))
	require.NoError(t, deletion(t.Context(), services, draft, organisation.Category))
	foreign, err := eventstore.New(eventstore.Config{})
	require.NoError(t, err)
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { // what is no aggregate of ours stays out
		_, err := foreign.Append(t.Context(), tx, contrail.NewStreamID("invoice", "42"), eventstore.NoStream, event)
		return err
	}))

	before := entries(t, pool)
	require.Len(t, before, 20+4+3+3) // 20 invoices, the file's organisations and contacts, and those of this test
	written, err := invoicing.FillRegister(t.Context(), pool)
	require.NoError(t, err)
	require.Zero(t, written, "nothing is missing or behind")
	_, err = pool.Exec(t.Context(), `DELETE FROM invoicing.register`)
	require.NoError(t, err)
	written, err = invoicing.FillRegister(t.Context(), pool)
	require.NoError(t, err)
	require.EqualValues(t, len(before), written)
	require.Equal(t, before, entries(t, pool))
	_, err = pool.Exec(t.Context(), `UPDATE invoicing.register SET version = 1, status = 'drafted' WHERE kind = 'invoice' AND version > 1`)
	require.NoError(t, err)
	_, err = invoicing.FillRegister(t.Context(), pool)
	require.NoError(t, err)
	require.Equal(t, before, entries(t, pool))
}

// A database that has events already gets its register with the migration.
func TestMigrationFillsTheRegister(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store, err := eventstore.New(eventstore.Config{})
	require.NoError(t, err)
	created, err := domain.Organisations().Codec.Encode(organisation.Created{
		Organisation: organisation.Body{ID: "01920000-0000-7000-8000-000000000001", Name: "Acme"}, Reference: "r",
	})
	require.NoError(t, err)
	created.Metadata = created.Metadata.With(contrail.KeyTenantID, actor.TenantID)
	stream := contrail.NewStreamID("organisation", "01920000-0000-7000-8000-000000000001")
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := store.Append(t.Context(), tx, stream, eventstore.NoStream, created)
		return err
	}))
	_, err = invoicing.Migrate(t.Context(), pool)
	require.NoError(t, err)
	page, err := newServices(t, newTransactor(t, pool), domain.Config{}).Organisations.List(t.Context(), actor, domain.ListFilter{Reference: "r"})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, "Acme", page.Items[0].State.Name)
}

// Another program appends, and knows of no register.
func TestHealingInPostgreSQL(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	services := newServices(t, newTransactor(t, pool), domain.Config{})
	draft := newDraft(t, services)
	before := entries(t, pool)
	_, err := pool.Exec(t.Context(), `DELETE FROM invoicing.register`)
	require.NoError(t, err)
	_, err = services.Invoices.Draft(t.Context(), stranger, draft)
	require.ErrorIs(t, err, domain.ErrNotFound)
	require.Empty(t, entries(t, pool))
	drafted, err := services.Invoices.Draft(t.Context(), actor, draft)
	require.NoError(t, err)
	require.Subset(t, entries(t, pool), before)

	_, err = pool.Exec(t.Context(), `DELETE FROM invoicing.register`)
	require.NoError(t, err)
	_, err = services.Invoices.Issue(t.Context(), actor, drafted.ID)
	require.NoError(t, err)
	require.Len(t, entries(t, pool), 1)

	_, err = invoicing.FillRegister(t.Context(), pool)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data, metadata)
		SELECT stream, 2, 'OrganisationDeleted', jsonb_set(data, '{organisation,deleted_at}', '"2021-01-01T00:00:00Z"'), metadata
		FROM contrail.events WHERE type = 'OrganisationCreated'`)
	require.NoError(t, err)
	require.ErrorIs(t, draftAgain(t, services, draft), organisation.ErrDeleted)
}

// Nothing takes the place of what is as new, or newer.
func TestOnlyNewerEntriesAreSaved(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	entry := domain.Entry{Ref: domain.Ref{Kind: "invoice", ID: "1"}, TenantID: "t1", Status: "drafted"}
	save := func(version int64, status string) error {
		return newTransactor(t, pool).InTx(t.Context(), func(ctx context.Context, tx domain.Tx) error {
			entry.Version, entry.Status = version, status
			return tx.Save(ctx, entry)
		})
	}
	require.NoError(t, save(2, "drafted"))
	before := entries(t, pool)
	for _, version := range []int64{1, 2} {
		require.ErrorIs(t, save(version, "issued"), contrail.ErrConflict)
		require.ErrorIs(t, save(version, domain.StatusDeleted), contrail.ErrConflict)
	}
	require.Equal(t, before, entries(t, pool))
	require.NoError(t, save(4, domain.StatusDeleted))
	require.NotEqual(t, before, entries(t, pool))
}

// That an aggregate exists already goes before that its reference is taken: it may be its own.
func TestAnIDGoesBeforeAReference(t *testing.T) {
	t.Parallel()
	id := ""
	config := domain.Config{NewID: func() string { return id }}
	services := newServices(t, newTransactor(t, newPool(t)), config)
	create := func(given, reference string) error {
		id = given
		_, err := services.Organisations.Create(t.Context(), actor, "Acme", domain.WithReference(reference))
		return err
	}
	const first, second = "01920000-0000-7000-8000-000000000001", "01920000-0000-7000-8000-000000000002"
	require.NoError(t, create(first, "r1"))
	require.NoError(t, create(second, "r2"))
	for _, reference := range []string{"", "r1", "r2", "r3"} {
		require.ErrorIs(t, create(first, reference), organisation.ErrExists, reference)
		require.ErrorIs(t, create(second, reference), organisation.ErrExists, reference)
	}
	id = first
	_, err := services.Organisations.Create(t.Context(), stranger, "Acme")
	require.ErrorIs(t, err, domain.ErrNotFound, "another tenant's id is not said to exist")
}

// However long a page is, it takes two statements, and the transaction's own two.
func TestAListTakesTwoStatements(t *testing.T) {
	t.Parallel()
	config, err := pgxpool.ParseConfig(pgtest.NewURL(t))
	require.NoError(t, err)
	statements := &statementCount{}
	config.ConnConfig.Tracer = statements
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = invoicing.Migrate(t.Context(), pool)
	require.NoError(t, err)
	services := newServices(t, newTransactor(t, pool), domain.Config{})
	draft := newDraft(t, services)
	var ids []string
	for n := range 30 {
		drafted, err := services.Invoices.Draft(t.Context(), actor, draft, domain.WithReference(strconv.Itoa(n)))
		require.NoError(t, err)
		ids = append(ids, drafted.ID)
		if n%3 == 0 {
			_, err = services.Invoices.Issue(t.Context(), actor, drafted.ID)
			require.NoError(t, err)
		}
	}
	for _, filter := range []domain.ListFilter{{}, {OrganisationID: draft.OrganisationID}, {ContactID: draft.ContactID}, {Status: "issued"}, {After: ids[9], Limit: 7}} {
		before := statements.count()
		page, err := services.Invoices.List(t.Context(), actor, filter)
		require.NoError(t, err)
		require.Equal(t, 4, statements.count()-before)
		require.NotEmpty(t, page.Items)
		require.Equal(t, filter.Limit > 0, page.Next != "")
		for _, item := range page.Items {
			found, err := services.Invoices.Find(t.Context(), actor, item.ID)
			require.NoError(t, err)
			require.Equal(t, found.Aggregate, item)
		}
	}
	page, err := services.Invoices.List(t.Context(), stranger, domain.ListFilter{OrganisationID: draft.OrganisationID})
	require.NoError(t, err)
	require.Empty(t, page.Items)
}

// However many events there are, none is looked at that is not asked for.
func TestTheRegisterWalksIndexes(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	services := newServices(t, newTransactor(t, pool), domain.Config{})
	draft := newDraft(t, services)
	_, err := pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data, metadata)
		SELECT 'invoice-' || gen_random_uuid(), 1, 'InvoiceDrafted', jsonb_build_object('invoice', jsonb_build_object(
			'organisation_id', gen_random_uuid(), 'contact_id', $1::text, 'status', 'drafted')),
			jsonb_build_object('tenant_id', 't1', 'reference', n::text)
		FROM generate_series(1, 5000) n`, draft.ContactID)
	require.NoError(t, err)
	_, err = invoicing.FillRegister(t.Context(), pool)
	require.NoError(t, err)
	plan := func(statement string, args ...any) string {
		t.Helper()
		rows, err := pool.Query(t.Context(), `EXPLAIN `+statement, args...)
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		text := strings.Join(lines, "\n")
		require.NotContains(t, text, "Seq Scan")
		return text
	}
	list, args := invoicing.ListSQL(domain.ListQuery{TenantID: "t1", Kind: "invoice", ListFilter: domain.ListFilter{Reference: "7", Limit: 2}})
	require.Contains(t, plan(list, args...), "register_reference", "also as long as nothing is known of the table")
	require.Contains(t, plan(invoicing.InTheWaySQL, "t1", "invoice", draft.ContactID, "7"), "register_reference")
	_, err = pool.Exec(t.Context(), `ANALYZE contrail.events, invoicing.register`)
	require.NoError(t, err)
	plan(invoicing.HoldSQL, "t1", []string{"organisation", "contact"}, []string{draft.OrganisationID, draft.ContactID})
	for _, filter := range []domain.ListFilter{
		{}, {After: draft.ContactID}, {OrganisationID: draft.OrganisationID}, {ContactID: draft.ContactID}, {Reference: "7"}, {Status: "drafted"},
	} {
		filter.Limit = 51
		statement, args := invoicing.ListSQL(domain.ListQuery{TenantID: "t1", Kind: "invoice", ListFilter: filter})
		plan(statement, args...)
	}
}

// statementCount counts statements.
type statementCount struct {
	mu sync.Mutex
	n  int
}

func (s *statementCount) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	return ctx
}

func (s *statementCount) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (s *statementCount) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// What is in order is not locked, so that commands pass while the register is filled.
func TestFillingLocksWhatItWrites(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	newDraft(t, newServices(t, newTransactor(t, pool), domain.Config{}))
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := invoicing.FillRegister(t.Context(), tx)
		require.NoError(t, err)
		_, err = pool.Exec(t.Context(), `SELECT FROM invoicing.register FOR UPDATE NOWAIT`)
		return err
	}))
}

// Another program gave a reference, a tenant and an organisation of a length that no index holds: it neither keeps the others out of the register, nor
// drafts from what it refers to.
func TestTheRegisterTakesNoMoreThanACommand(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	services := newServices(t, newTransactor(t, pool), domain.Config{})
	draft := newDraft(t, services)
	long := func(set string) {
		t.Helper()
		_, err := pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data, metadata)
			SELECT 'invoice-' || gen_random_uuid(), 1, 'InvoiceDrafted', data, metadata FROM (
				SELECT `+set+` FROM (SELECT string_agg(md5(n::text), '') AS long FROM generate_series(1, 500) n) AS texts,
				(SELECT '{"invoice":{"status":"drafted"}}'::jsonb AS data, '{"tenant_id":"t1"}'::jsonb AS metadata) AS event) AS events`)
		require.NoError(t, err)
	}
	long(`data, metadata || jsonb_build_object('tenant_id', long) AS metadata`)
	long(`jsonb_set(data, '{invoice,organisation_id}', to_jsonb(long)) AS data, metadata`)
	long(`jsonb_set(data, '{invoice,contact_id}', to_jsonb(long)) AS data, metadata`)
	long(`data, metadata || jsonb_build_object('reference', long) AS metadata`)
	written, err := invoicing.FillRegister(t.Context(), pool)
	require.NoError(t, err)
	require.EqualValues(t, 1, written, "only the reference can be left out")

	_, err = pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data, metadata)
		SELECT 'contact-01920000-0000-7000-8000-000000000001', 1, type, jsonb_set(data, '{contact,id}', '"01920000-0000-7000-8000-000000000001"'),
		metadata || jsonb_build_object('reference', (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 500) n))
		FROM contrail.events WHERE type = 'ContactCreated'`)
	require.NoError(t, err)
	draft.ContactID = "01920000-0000-7000-8000-000000000001"
	require.NoError(t, draftAgain(t, services, draft))
}
