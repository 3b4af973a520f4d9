package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/rule"
)

func TestIfVersion(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t, domain.Config{}), t.Context()
	id := f.invoice(t, alice)
	for _, wanted := range [][]int64{{2}, {0}, {-1}, {2, 3}, {}} {
		_, err := f.invoices.Issue(ctx, alice, id, domain.IfVersion(wanted...))
		var faulty *domain.VersionError
		require.ErrorAs(t, err, &faulty)
		require.Equal(t, int64(1), faulty.Actual)
		require.Equal(t, domain.Ref{Kind: "invoice", ID: id}, faulty.Ref)
		require.Len(t, faulty.Wanted, len(wanted))
		require.ErrorIs(t, err, domain.ErrVersion)
		require.ErrorIs(t, err, rule.ErrRefused)
	}
	_, err := f.invoices.Issue(ctx, alice, id, domain.IfVersion(2, 3))
	require.ErrorContains(t, err, "invoice-"+id+" is at version 1, wanted was 2 or 3")
	issued, err := f.invoices.Issue(ctx, alice, id, domain.IfVersion(7, 1))
	require.NoError(t, err)
	require.Equal(t, int64(2), issued.Version)

	_, err = f.organisations.Create(ctx, alice, "Acme", domain.IfVersion(1))
	require.ErrorIs(t, err, domain.ErrVersion)
	_, err = f.organisations.Create(ctx, alice, "Acme", domain.IfVersion(0))
	require.NoError(t, err)
}

// Its version does not tell that another tenant has the aggregate.
func TestVersionsOfOtherTenants(t *testing.T) {
	t.Parallel()
	f := newFixture(t, domain.Config{})
	_, err := f.invoices.Issue(t.Context(), mary, f.invoice(t, alice), domain.IfVersion(9))
	require.ErrorIs(t, err, domain.ErrNotFound)
	require.NotErrorIs(t, err, domain.ErrVersion)
}

// A version that was right when the command began, and no longer when it ran again, is refused.
func TestIfVersionAfterAConflict(t *testing.T) {
	t.Parallel()
	f, rival := renamedUnderWay(t, 0, 1)
	_, err := f.organisations.Rename(t.Context(), alice, rival.id, "Ours", domain.IfVersion(1))
	var faulty *domain.VersionError
	require.ErrorAs(t, err, &faulty)
	require.Equal(t, int64(2), faulty.Actual)
}

func TestFindAt(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t, domain.Config{}), t.Context()
	id := f.invoice(t, alice)
	_, err := f.invoices.Issue(ctx, alice, id)
	require.NoError(t, err)
	_, err = f.invoices.Pay(ctx, alice, id)
	require.NoError(t, err)
	stream := f.memory.streams[contrail.NewStreamID("invoice", id).String()]
	at := func(minute int) time.Time { return time.Date(2021, 1, 1, 12, minute, 0, 0, time.UTC) }
	for n := range stream {
		stream[n].RecordedAt = at(n)
	}
	for _, test := range []struct {
		at   domain.At
		want invoice.Status
	}{
		{domain.At{}, invoice.StatusPaid},
		{domain.At{Version: 1}, invoice.StatusDrafted},
		{domain.At{Version: 2}, invoice.StatusIssued},
		{domain.At{Version: 3}, invoice.StatusPaid},
		{domain.At{Time: at(0)}, invoice.StatusDrafted},
		{domain.At{Time: at(2).Add(-1)}, invoice.StatusIssued},
		{domain.At{Time: at(2)}, invoice.StatusPaid},
		{domain.At{Time: at(50)}, invoice.StatusPaid},
		{domain.At{Version: 3, Time: at(1)}, invoice.StatusIssued},
		{domain.At{Version: 1, Time: at(50)}, invoice.StatusDrafted},
	} {
		found, err := f.invoices.FindAt(ctx, alice, id, test.at)
		require.NoError(t, err, test.at)
		require.Equal(t, test.want, found.State.Status, test.at)
		require.Len(t, found.Events, int(found.Version), test.at)
	}
	for _, none := range []domain.At{{Version: 4}, {Time: at(0).Add(-1)}, {Version: 1, Time: at(0).Add(-1)}} {
		_, err := f.invoices.FindAt(ctx, alice, id, none)
		require.ErrorIs(t, err, domain.ErrNotFound, none)
		_, foreign := f.invoices.FindAt(ctx, mary, id, none)
		require.EqualError(t, foreign, err.Error(), none)
	}
	_, err = f.invoices.FindAt(ctx, alice, id, domain.At{Version: -1})
	require.ErrorIs(t, err, domain.ErrNoVersion)
}
