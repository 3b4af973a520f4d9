package invoicing_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/rule"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/projections"
)

// reading is one of the reader's three methods, on an organisation.
type reading func(ctx context.Context, reader *invoicing.Reader, tenant, organisationID string, atLeast contrail.Position) (contrail.Position, error)

// readings are all three, by the name of the projection.
func readings() map[string]reading {
	return map[string]reading{
		invoicing.SummaryName: func(ctx context.Context, r *invoicing.Reader, tenant, id string, atLeast contrail.Position) (contrail.Position, error) {
			view, err := r.Summary(ctx, tenant, id, atLeast)
			return view.Position, err
		},
		invoicing.OverdueName: func(ctx context.Context, r *invoicing.Reader, tenant, id string, atLeast contrail.Position) (contrail.Position, error) {
			view, err := r.Overdue(ctx, tenant, invoicing.OverdueFilter{OrganisationID: id}, atLeast)
			return view.Position, err
		},
		invoicing.StatementName: func(ctx context.Context, r *invoicing.Reader, tenant, id string, atLeast contrail.Position) (contrail.Position, error) {
			view, err := r.Statement(ctx, tenant, id, invoicing.StatementPage{}, atLeast)
			return view.Position, err
		},
	}
}

// Who asks for a position waits for a projection that is slow, for a time that is bounded, and is told how far it is.
func TestReaderWaits(t *testing.T) {
	t.Parallel()
	w := newReadWorld(t)
	startReadModels(t, w.pool, subscribers.ProjectionConfig{})
	acme := w.party(t, actor, "Acme")
	before := newest(t, w.pool)
	awaitReadModels(t, w.pool, before)
	for _, name := range readModels() {
		_, err := projections.Pause(t.Context(), w.pool, name, projections.Order{By: "tester"})
		require.NoError(t, err)
	}
	_, wanted := w.draft(t, acme, "2021-03-31", item(t, "1", "EUR", 1))
	short := invoicing.NewReader(w.pool, invoicing.ReaderConfig{Wait: 50 * time.Millisecond})
	never := invoicing.NewReader(w.pool, invoicing.ReaderConfig{Wait: -1})
	for name, read := range readings() {
		for _, reader := range []*invoicing.Reader{short, never} {
			_, err := read(t.Context(), reader, actor.TenantID, acme.organisationID, wanted)
			behind, ok := errors.AsType[*invoicing.BehindError](err)
			require.True(t, ok, "%s: %v", name, err)
			require.Equal(t, invoicing.BehindError{Projection: name, Position: before, Wanted: wanted}, *behind)
			require.ErrorIs(t, err, invoicing.ErrBehind)
		}
		at, err := read(t.Context(), never, actor.TenantID, acme.organisationID, before)
		require.NoError(t, err)
		require.Equal(t, before, at)

		ending, end := context.WithCancelCause(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := read(ending, w.reader, actor.TenantID, acme.organisationID, wanted)
			failed <- err
		}()
		gone := errors.New("nobody asks any more")
		end(gone)
		err = <-failed
		require.True(t, errors.Is(err, gone) || errors.Is(err, context.Canceled), "%v", err)

		answered := make(chan contrail.Position, 1)
		go func() {
			at, err := read(t.Context(), w.reader, actor.TenantID, acme.organisationID, wanted)
			if err != nil {
				t.Error(err)
			}
			answered <- at
		}()
		require.NoError(t, projections.Resume(t.Context(), w.pool, name))
		require.Equal(t, wanted, <-answered)
	}
}

// A position that no event has is refused at once. One of an event that is nothing to the read models is not waited for.
func TestReaderKnowsThePositions(t *testing.T) {
	t.Parallel()
	w := newReadWorld(t)
	acme := w.party(t, actor, "Acme")
	at := w.project(t)
	var foreign contrail.Position
	require.NoError(t, w.pool.QueryRow(t.Context(), `INSERT INTO contrail.events (stream, version, type, data) VALUES ('parcel-1', 1, 'ParcelSent', '{}')
		RETURNING position`).Scan(&foreign))
	require.Greater(t, foreign, at)
	for name, read := range readings() {
		shown, err := read(t.Context(), w.reader, actor.TenantID, acme.organisationID, foreign)
		require.NoError(t, err, name)
		require.Equal(t, at, shown)
		_, err = read(t.Context(), w.reader, actor.TenantID, acme.organisationID, foreign+1)
		require.ErrorIs(t, err, invoicing.ErrNoSuchPosition, name)
	}
}

// Nothing tells a tenant that another one has an organisation, and what PostgreSQL can't even look for does not exist.
func TestReaderShowsATenantItsOwn(t *testing.T) {
	t.Parallel()
	w := newReadWorld(t)
	mary := domain.Actor{TenantID: "t2", UserID: "mary"}
	acme, hers := w.party(t, actor, "Acme"), w.party(t, mary, "Apex")
	w.issue(t, acme, "2021-03-01", item(t, "1", "EUR", 1))
	w.issue(t, hers, "2021-03-01", item(t, "2", "EUR", 1))
	at := w.project(t)
	fresh := w.party(t, actor, "Fresh")
	for name, read := range readings() {
		shown, err := read(t.Context(), w.reader, mary.TenantID, hers.organisationID, at)
		require.NoError(t, err, name)
		require.Equal(t, at, shown)
		_, err = read(t.Context(), w.reader, actor.TenantID, fresh.organisationID, 0)
		require.NoError(t, err, "%s: the read model has not heard of it, and yet it is there", name)
		_, foreign := read(t.Context(), w.reader, mary.TenantID, acme.organisationID, 0)
		require.ErrorIs(t, foreign, domain.ErrNotFound, name)
		absent := uuid.NewString()
		_, err = read(t.Context(), w.reader, mary.TenantID, absent, 0)
		require.EqualError(t, err, strings.ReplaceAll(foreign.Error(), acme.organisationID, absent))
		for _, nonsense := range []string{"\x00", "\xff", strings.Repeat("x", 1000)} {
			_, err = read(t.Context(), w.reader, actor.TenantID, nonsense, 0)
			require.ErrorIs(t, err, domain.ErrNotFound, name)
			_, err = read(t.Context(), w.reader, nonsense, acme.organisationID, 0)
			require.ErrorIs(t, err, rule.ErrInvalid, name)
		}
	}
	all, err := w.reader.Overdue(t.Context(), mary.TenantID, invoicing.OverdueFilter{Day: date(t, "2022-01-01")}, 0)
	require.NoError(t, err)
	require.Len(t, all.Value.Invoices, 1)
	require.Equal(t, hers.organisationID, all.Value.Invoices[0].OrganisationID)
	summaries, err := invoicing.ReadSummaries(t.Context(), w.pool, mary.TenantID)
	require.NoError(t, err)
	require.Len(t, summaries, 1)
}

func TestReaderBoundsPages(t *testing.T) {
	t.Parallel()
	w := newReadWorld(t)
	acme := w.party(t, actor, "Acme")
	for _, limit := range []int{-1, domain.MaxLimit + 1} {
		_, err := w.reader.Overdue(t.Context(), actor.TenantID, invoicing.OverdueFilter{Limit: limit}, 0)
		require.ErrorIs(t, err, domain.ErrLimit)
		_, err = w.reader.Statement(t.Context(), actor.TenantID, acme.organisationID, invoicing.StatementPage{Limit: limit}, 0)
		require.ErrorIs(t, err, domain.ErrLimit)
	}
	_, err := w.reader.Statement(t.Context(), actor.TenantID, acme.organisationID, invoicing.StatementPage{After: -1}, 0)
	require.ErrorIs(t, err, rule.ErrInvalid)
	view, err := w.reader.Statement(t.Context(), actor.TenantID, acme.organisationID, invoicing.StatementPage{Limit: domain.MaxLimit}, 0)
	require.NoError(t, err)
	require.Equal(t, invoicing.View[invoicing.Statement]{Value: invoicing.Statement{OrganisationID: acme.organisationID, Lines: []invoicing.StatementLine{}}}, view)
}

// However many events of other services there are, and invoices due on one day, no more rows are looked at than are shown.
func TestReaderWalksIndexes(t *testing.T) {
	t.Parallel()
	w := newReadWorld(t)
	acme := w.party(t, actor, "Acme")
	for _, fill := range []string{
		`INSERT INTO contrail.events (stream, version, type, data) SELECT 'parcel-' || n, 1, 'ParcelSent', '{}' FROM generate_series(1, 5000) AS n`,
		`INSERT INTO invoicing.overdue_invoices (id, tenant_id, organisation_id, contact_id, currency_code, sub_total, due_date, body_version, status, status_version)
		SELECT lpad(n::text, 5, '0'), 't1', '` + acme.organisationID + `', 'c', 'EUR', n, '2021-01-31', 1, 'issued', 2 FROM generate_series(1, 5000) AS n`,
		`INSERT INTO invoicing.statement_lines (position, tenant_id, organisation_id, invoice_id, movement, moved_at, currency_code, amount)
		SELECT n, 't1', '` + acme.organisationID + `', n, 'issued', now(), 'EUR', n FROM generate_series(1, 5000) AS n`,
		`ANALYZE contrail.events, invoicing.overdue_invoices, invoicing.statement_lines`,
	} {
		_, err := w.pool.Exec(t.Context(), fill)
		require.NoError(t, err)
	}
	conn, err := w.pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	_, err = conn.Exec(t.Context(), `SET plan_cache_mode = force_generic_plan`) // as a statement is planned that has run some times
	require.NoError(t, err)
	walks := func(statement string, args ...any) {
		t.Helper()
		literals := make([]string, len(args))
		for i, arg := range args {
			literals[i] = fmt.Sprintf("'%v'", arg)
		}
		_, err := conn.Exec(t.Context(), `DEALLOCATE ALL; PREPARE walked AS `+statement)
		require.NoError(t, err)
		rows, err := conn.Query(t.Context(), `EXPLAIN (ANALYZE, TIMING OFF) EXECUTE walked(`+strings.Join(literals, ", ")+`)`, pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		plan := strings.Join(lines, "\n")
		require.NotRegexp(t, `Rows Removed by Filter: \d{3}`, plan)
		require.NotRegexp(t, `actual rows=\d{3}`, plan)
	}
	walks(invoicing.LastBeforeSQL, newest(t, w.pool), "{organisation,contact,invoice}")
	for _, after := range []string{"", "02500"} {
		walks(invoicing.OverdueSQL, invoicing.OverdueName, "t1", "", "2021-03-01", after, 51)
		walks(invoicing.OverdueOfSQL, invoicing.OverdueName, "t1", acme.organisationID, "2021-03-01", after, 51)
	}
	walks(invoicing.StatementReadSQL, invoicing.StatementName, "t1", acme.organisationID, 2500, 51)
}
