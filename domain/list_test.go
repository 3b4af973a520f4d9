package domain_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/rule"
)

func TestList(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t, domain.Config{}), t.Context()
	ours, theirs := f.organisation(t, alice), f.organisation(t, alice)
	leonies, bjorns := f.contact(t, alice, ours), f.contact(t, alice, theirs)
	f.invoice(t, mary)
	var ids []string
	for n, organisationID := range []string{ours, ours, ours, theirs} {
		contactID := []string{leonies, leonies, leonies, bjorns}[n]
		drafted, err := f.invoices.Draft(ctx, alice, draft(organisationID, contactID), domain.WithReference([]string{"a", "b", "c", "d"}[n]))
		require.NoError(t, err)
		ids = append(ids, drafted.ID)
	}
	_, err := f.invoices.Issue(ctx, alice, ids[1])
	require.NoError(t, err)
	_, err = f.invoices.Delete(ctx, alice, ids[2])
	require.NoError(t, err)
	for _, test := range []struct {
		filter domain.ListFilter
		want   []int // of ids
	}{
		{domain.ListFilter{}, []int{0, 1, 3}},
		{domain.ListFilter{Status: "live"}, []int{0, 1, 3}},
		{domain.ListFilter{Status: "deleted"}, []int{2}},
		{domain.ListFilter{Status: "drafted"}, []int{0, 3}},
		{domain.ListFilter{Status: "issued"}, []int{1}},
		{domain.ListFilter{Status: "paid"}, nil},
		{domain.ListFilter{OrganisationID: ours}, []int{0, 1}},
		{domain.ListFilter{OrganisationID: ours, ContactID: bjorns}, nil},
		{domain.ListFilter{ContactID: bjorns, Status: "drafted"}, []int{3}},
		{domain.ListFilter{Reference: "a"}, []int{0}},
		{domain.ListFilter{Reference: "c"}, []int{2}},
		{domain.ListFilter{Reference: "c", Status: "live"}, nil},
		{domain.ListFilter{Reference: "x"}, nil},
		{domain.ListFilter{OrganisationID: absent}, nil},
		{domain.ListFilter{OrganisationID: "\x00"}, nil},
		{domain.ListFilter{ContactID: "x"}, nil},
		{domain.ListFilter{After: ids[0]}, []int{1, 3}},
		{domain.ListFilter{After: ids[3]}, nil},
	} {
		page, err := f.invoices.List(ctx, alice, test.filter)
		require.NoError(t, err)
		require.Empty(t, page.Next)
		require.Len(t, page.Items, len(test.want), test.filter)
		for n, item := range page.Items {
			require.Equal(t, ids[test.want[n]], item.ID, test.filter)
			found, err := f.invoices.Find(ctx, alice, item.ID)
			require.NoError(t, err)
			require.Equal(t, found.Aggregate, item)
		}
	}
	people, err := f.contacts.List(ctx, alice, domain.ListFilter{OrganisationID: ours})
	require.NoError(t, err)
	require.Len(t, people.Items, 1)
	require.Equal(t, leonie(), people.Items[0].State.Details)
	organisations, err := f.organisations.List(ctx, mary, domain.ListFilter{})
	require.NoError(t, err)
	require.Len(t, organisations.Items, 1, "another tenant sees its own")
}

func TestPagesDoNotOverlap(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t, domain.Config{}), t.Context()
	var ids []string
	for range domain.DefaultLimit + 3 {
		ids = append(ids, f.organisation(t, alice))
	}
	slices.Sort(ids)
	for limit, pages := range map[int]int{0: 2, 1: len(ids), 7: 8, len(ids): 1, domain.MaxLimit: 1} {
		filter, count := domain.ListFilter{Limit: limit}, 0
		var seen []string
		for ; count == 0 || filter.After != ""; count++ {
			page, err := f.organisations.List(ctx, alice, filter)
			require.NoError(t, err)
			for _, item := range page.Items {
				seen = append(seen, item.ID)
			}
			filter.After = page.Next
		}
		require.Equal(t, ids, seen)
		require.Equal(t, pages, count, limit)
	}
}

func TestFiltersAreChecked(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t, domain.Config{}), t.Context()
	_, err := f.organisations.List(ctx, alice, domain.ListFilter{
		OrganisationID: absent, ContactID: absent, Status: string(invoice.StatusIssued), Reference: "\n", After: "x", Limit: -1,
	})
	var faults rule.FieldErrors
	require.ErrorAs(t, err, &faults)
	var fields []string
	for _, fault := range faults {
		fields = append(fields, fault.Field)
	}
	require.Equal(t, []string{"reference", "organisation_id", "contact_id", "status", "after", "limit"}, fields)
	_, err = f.contacts.List(ctx, alice, domain.ListFilter{ContactID: absent})
	require.ErrorIs(t, err, domain.ErrFilter)
	_, err = f.invoices.List(ctx, alice, domain.ListFilter{Limit: domain.MaxLimit + 1})
	require.ErrorIs(t, err, domain.ErrLimit)
	_, err = f.invoices.List(ctx, domain.Actor{}, domain.ListFilter{})
	require.ErrorIs(t, err, rule.ErrInvalid)
	require.Zero(t, f.memory.transactions)
}

// Another program wrote an event of another tenant behind one of ours: nobody finds the aggregate any more, and no list shows it.
func TestListsShowWhatIsFound(t *testing.T) {
	t.Parallel()
	f, ctx := newFixture(t, domain.Config{}), t.Context()
	ids := []string{f.organisation(t, alice), f.organisation(t, alice), f.organisation(t, alice)}
	slices.Sort(ids)
	stream := contrail.NewStreamID("organisation", ids[1]).String()
	foreign := f.memory.streams[stream][0]
	foreign.Version, foreign.Type, foreign.Metadata = 2, "OrganisationUpdated", foreign.Metadata.With(contrail.KeyTenantID, mary.TenantID)
	foreign.Data = []byte(`{"organisation":{"id":"` + ids[1] + `","name":"Secret"}}`)
	f.memory.streams[stream] = append(f.memory.streams[stream], foreign)
	for _, actor := range []domain.Actor{alice, mary} {
		_, err := f.organisations.Find(ctx, actor, ids[1])
		require.ErrorIs(t, err, domain.ErrNotFound)
	}
	page, err := f.organisations.List(ctx, alice, domain.ListFilter{Limit: 2})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, ids[1], page.Next)
	page, err = f.organisations.List(ctx, alice, domain.ListFilter{Limit: 2, After: page.Next})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, ids[2], page.Items[0].ID)
	require.Empty(t, page.Next)
}
