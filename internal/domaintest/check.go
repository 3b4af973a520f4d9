package domaintest

import (
	"context"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/invoice"
)

// found is what any of the services finds.
type found struct {
	id, tenant string
	version    int64
	text       string
	events     []contrail.Recorded
}

func findIn[S any](result domain.Found[S], err error) (found, error) {
	return foundIn(result.Aggregate, result.Events), err
}

func foundIn[S any](a domain.Aggregate[S], events []contrail.Recorded) found {
	return found{id: a.ID, tenant: a.TenantID, version: a.Version, text: stateText(a.State), events: events}
}

func (m *Model) find(ctx context.Context, tenant int, kind, id string, at domain.At) (found, error) {
	actor := m.tenants[tenant]
	switch kind {
	case organisations:
		return findIn(m.organisations.FindAt(ctx, actor, id, at))
	case contacts:
		return findIn(m.contacts.FindAt(ctx, actor, id, at))
	}
	return findIn(m.invoices.FindAt(ctx, actor, id, at))
}

// checkFound: the service has what the model has, by a legal history, and the other tenant has nothing.
func (m *Model) checkFound(ctx context.Context, t *rapid.T, a *aggregate) {
	seen, err := m.find(ctx, a.tenant, a.kind, a.id, domain.At{})
	require.NoError(t, err)
	require.Equal(t, a.text(), seen.text)
	require.Equal(t, [2]string{a.id, m.tenants[a.tenant].TenantID}, [2]string{seen.id, seen.tenant})
	require.Equal(t, a.version, seen.version)
	require.Len(t, seen.events, int(a.version))
	types := make([]string, len(seen.events))
	for i, event := range seen.events {
		require.Equal(t, int64(i+1), event.Version)
		require.Equal(t, m.tenants[a.tenant].TenantID, event.Metadata[contrail.KeyTenantID])
		types[i] = event.Type
	}
	require.Regexp(t, map[string]string{
		organisations: `^OrganisationCreated( OrganisationUpdated)*( OrganisationDeleted)?$`,
		contacts:      `^ContactCreated( ContactUpdated)*( ContactDeleted)?$`,
		invoices:      `^InvoiceDrafted( InvoiceUpdated)*( InvoiceVoided| InvoiceIssued( InvoicePaid| InvoiceVoided)?)?( InvoiceDeleted)?$`,
	}[a.kind], strings.Join(types, " "))

	_, err = m.find(ctx, 1-a.tenant, a.kind, a.id, domain.At{})
	require.ErrorIs(t, err, domain.ErrNotFound)
}

// checkPast: each version is what it was.
func (m *Model) checkPast(ctx context.Context, t *rapid.T, a *aggregate) {
	version := rapid.Int64Range(1, a.version+1).Draw(t, "version")
	seen, err := m.find(ctx, a.tenant, a.kind, a.id, domain.At{Version: version})
	if version > a.version {
		require.ErrorIs(t, err, domain.ErrNotFound)
		return
	}
	require.NoError(t, err)
	require.Equal(t, a.past[version-1], seen.text)
	require.Len(t, seen.events, int(version))
	_, err = m.find(ctx, 1-a.tenant, a.kind, a.id, domain.At{Version: version})
	require.ErrorIs(t, err, domain.ErrNotFound)
}

// checkResult: a command that took effect is one event of the tenant's, after all that were there.
func (m *Model) checkResult(t *rapid.T, c command, result domain.Result) {
	a := m.visible(c.tenant, c.kind, result.ID)
	require.NotNil(t, a)
	require.False(t, result.Repeated)
	require.Equal(t, a.version, result.Version)
	require.Len(t, result.Events, 1)
	require.Equal(t, a.version, result.Events[0].Version)
	require.Equal(t, contrail.NewStreamID(a.kind, a.id), result.Events[0].Stream)
	require.Equal(t, m.tenants[c.tenant].UserID, result.Events[0].Metadata[contrail.KeyUserID])
}

// checkList: page by page it is the tenant's own that the filter selects, in the order of their ids.
func (m *Model) checkList(ctx context.Context, t *rapid.T) {
	kind, tenant := rapid.SampledFrom([]string{organisations, contacts, invoices}).Draw(t, "kind"), drawTenant(t)
	filter := m.drawFilter(t, tenant, kind)
	var want []string
	for _, a := range m.aggregates {
		if a.tenant == tenant && a.kind == kind && a.isSelected(filter) {
			want = append(want, a.text())
		}
	}
	slices.SortFunc(want, strings.Compare)
	var got []string
	last := ""
	for page := 0; page == 0 || filter.After != ""; page++ {
		items, next, err := m.list(ctx, tenant, kind, filter)
		require.NoError(t, err)
		require.LessOrEqual(t, len(items), filter.Limit)
		for _, item := range items {
			require.Greater(t, item.id, last)
			require.Equal(t, m.tenants[tenant].TenantID, item.tenant)
			got, last = append(got, item.text), item.id
		}
		filter.After = next
	}
	slices.SortFunc(got, strings.Compare)
	require.Equal(t, want, got)
}

func (m *Model) drawFilter(t *rapid.T, tenant int, kind string) domain.ListFilter {
	filter := domain.ListFilter{Limit: rapid.IntRange(1, 3).Draw(t, "limit")}
	statuses := []string{"", "", domain.StatusLive, domain.StatusDeleted}
	if kind == invoices {
		for _, status := range invoice.Statuses() {
			statuses = append(statuses, string(status))
		}
		if rapid.IntRange(0, 2).Draw(t, "by contact") == 0 {
			filter.ContactID = m.drawID(t, tenant, contacts)
		}
	}
	if kind != organisations && rapid.IntRange(0, 2).Draw(t, "by organisation") == 0 {
		filter.OrganisationID = m.drawID(t, tenant, organisations)
	}
	filter.Status = rapid.SampledFrom(statuses).Draw(t, "status")
	filter.Reference = rapid.SampledFrom([]string{"", "", "", "r1"}).Draw(t, "reference")
	return filter
}

func (a *aggregate) isSelected(filter domain.ListFilter) bool {
	switch {
	case filter.OrganisationID != "" && a.organisationID != filter.OrganisationID,
		filter.ContactID != "" && a.contactID != filter.ContactID,
		filter.Reference != "" && a.reference != filter.Reference:
		return false
	}
	switch filter.Status {
	case "":
		return !a.isDeleted() || filter.Reference != ""
	case domain.StatusLive:
		return !a.isDeleted()
	case domain.StatusDeleted:
		return a.isDeleted()
	}
	return !a.isDeleted() && string(a.status) == filter.Status
}

func listIn[S any](page domain.Page[S], err error) (items []found, next string, _ error) {
	for _, item := range page.Items {
		items = append(items, foundIn(item, nil))
	}
	return items, page.Next, err
}

func (m *Model) list(ctx context.Context, tenant int, kind string, filter domain.ListFilter) ([]found, string, error) {
	actor := m.tenants[tenant]
	switch kind {
	case organisations:
		return listIn(m.organisations.List(ctx, actor, filter))
	case contacts:
		return listIn(m.contacts.List(ctx, actor, filter))
	}
	return listIn(m.invoices.List(ctx, actor, filter))
}
