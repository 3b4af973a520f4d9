package domaintest

import (
	"context"
	"errors"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
)

// Model runs random commands of two tenants on the three services, and keeps beside them what must come of it: a list of aggregates, changed
// by assignments and added up in whole minor units. It is for one goroutine.
type Model struct {
	organisations *domain.OrganisationService
	contacts      *domain.ContactService
	invoices      *domain.InvoiceService
	tenants       [2]domain.Actor
	now           time.Time
	aggregates    []*aggregate // in the order in which they were made
	kept          map[string]answer
	seen          Seen
}

// answer is what a key stands for.
type answer struct {
	command command
	result  domain.Result
}

// NewModel returns a model of two tenants that have nothing yet, whose names begin with the prefix. It counts into seen.
func NewModel(transactor domain.Transactor, prefix string, seen Seen) (*Model, error) {
	m := &Model{seen: seen, now: time.Date(2021, 1, 31, 23, 30, 0, 123456789, time.UTC), kept: map[string]answer{}}
	m.tenants[0] = domain.Actor{TenantID: prefix + "-a", UserID: "alice", CorrelationID: "r1"}
	m.tenants[1] = domain.Actor{TenantID: prefix + "-b", UserID: "mary"}
	clock := func() time.Time { return m.now }
	var errs [3]error
	m.organisations, errs[0] = domain.NewOrganisationService(transactor, clock, domain.Config{})
	m.contacts, errs[1] = domain.NewContactService(transactor, clock, domain.Config{})
	m.invoices, errs[2] = domain.NewInvoiceService(transactor, clock, domain.Config{})
	return m, errors.Join(errs[:]...)
}

// Run begins with an invoice of each tenant, takes random steps, and in the end looks at everything from both sides.
func (m *Model) Run(ctx context.Context, t *rapid.T) {
	for tenant := range m.tenants {
		m.begin(ctx, t, tenant)
	}
	trying := func(draw func(*rapid.T) command) func(*rapid.T) {
		return func(t *rapid.T) { m.try(ctx, t, draw(t)) }
	}
	t.Repeat(map[string]func(*rapid.T){
		"create an organisation or a contact": trying(func(t *rapid.T) command {
			if oneIn(3, t, "an organisation") {
				return m.drawOrganisation(t)
			}
			return m.drawContact(t)
		}),
		"draft": trying(m.drawDraft),
		"rename or delete an organisation": trying(func(t *rapid.T) command {
			return m.drawChange(t, organisations, "rename", "rename", "rename", "rename", "delete")
		}),
		"update or delete a contact": trying(func(t *rapid.T) command {
			return m.drawChange(t, contacts, "update", "update", "update", "update", "delete")
		}),
		"update an invoice": trying(func(t *rapid.T) command { return m.drawChange(t, invoices, "update") }),
		"issue":             trying(func(t *rapid.T) command { return m.drawChange(t, invoices, "issue", "approve") }),
		"pay":               trying(func(t *rapid.T) command { return m.drawChange(t, invoices, "pay") }),
		"void or delete":    trying(func(t *rapid.T) command { return m.drawChange(t, invoices, "void", "void", "delete") }),
		"say it again":      trying(m.drawAgain),
		"wait":              func(t *rapid.T) { m.now = m.now.Add(time.Duration(rapid.IntRange(1, 48).Draw(t, "hours")) * time.Hour) },
		"find":              func(t *rapid.T) { m.checkFound(ctx, t, m.drawAggregate(t)) },
		"find as of then":   func(t *rapid.T) { m.checkPast(ctx, t, m.drawAggregate(t)) },
		"list":              func(t *rapid.T) { m.checkList(ctx, t) },
	})
	for _, a := range m.aggregates {
		m.checkFound(ctx, t, a)
	}
}

// begin makes what commands on invoices need.
func (m *Model) begin(ctx context.Context, t *rapid.T, tenant int) {
	m.try(ctx, t, command{kind: organisations, verb: "create", tenant: tenant, label: "Acme"})
	organisationID := m.aggregates[len(m.aggregates)-1].id
	person := contact.Details{FirstName: "Leonie", LastName: "Köhler", Email: "leonie@example.com"}
	m.try(ctx, t, command{kind: contacts, verb: "create", tenant: tenant, organisationID: organisationID, details: person})
	usd := currencies()[0]
	m.try(ctx, t, command{
		kind: invoices, verb: "draft", tenant: tenant, organisationID: organisationID, contactID: m.aggregates[len(m.aggregates)-1].id,
		currency: usd, dueDate: invoice.DateOf(m.now), lines: []line{{description: "work", currency: usd, units: big.NewInt(99), quantity: 2}},
	})
}

// try runs a command, and compares what comes of it with what must.
func (m *Model) try(ctx context.Context, t *rapid.T, c command) {
	result, err := m.do(ctx, c)
	if before, known := m.kept[m.key(c)]; known && c.key != "" {
		m.checkRepeated(t, c, before, result, err)
		return
	}
	if why := m.reasons(c); len(why) > 0 {
		require.Error(t, err, "%+v must be refused: %v", c, why)
		require.True(t, why.hold(err), "%+v is refused by %q, but must be by one of %v", c, err, why)
		require.Equal(t, domain.Result{}, result)
		m.seen.refused(c, why)
		m.checkSecrets(ctx, t, c, err)
	} else {
		require.NoError(t, err, "%+v", c)
		m.apply(c, result)
		m.checkResult(t, c, result)
		m.seen[c.name()]++
	}
	if a := m.visible(c.tenant, c.kind, result.ID); a != nil {
		m.checkFound(ctx, t, a)
	}
}

// checkSecrets: a refusal names nothing of the other tenant's, and what is another's is told from what never was by nothing.
func (m *Model) checkSecrets(ctx context.Context, t *rapid.T, c command, refusal error) {
	for _, a := range m.aggregates {
		if a.tenant == c.tenant {
			continue
		}
		given := []string{c.id, c.organisationID, c.contactID}
		require.True(t, slices.Contains(given, a.id) || !strings.Contains(refusal.Error(), a.id), refusal)
		if a.id == c.id {
			unknown := c
			unknown.id = absent
			_, err := m.do(ctx, unknown)
			require.EqualError(t, err, strings.ReplaceAll(refusal.Error(), c.id, absent))
		}
	}
}

func (m *Model) checkRepeated(t *rapid.T, c command, before answer, result domain.Result, err error) {
	if c.fingerprint() != before.command.fingerprint() {
		m.seen[domain.ErrKeyReused.Error()]++
		require.ErrorIs(t, err, domain.ErrKeyReused, "%+v has the key of %+v", c, before.command)
		return
	}
	require.NoError(t, err)
	require.True(t, result.Repeated)
	require.Equal(t, before.result.ID, result.ID)
	require.Equal(t, before.result.Version, result.Version)
	require.Len(t, result.Events, len(before.result.Events))
	for i, event := range result.Events {
		require.Equal(t, before.result.Events[i].ID, event.ID, "no second event")
	}
	m.seen[repeated]++
}

func (m *Model) key(c command) string { return m.tenants[c.tenant].TenantID + " " + c.key }

// visible is the tenant's own aggregate of that kind and id, or nil.
func (m *Model) visible(tenant int, kind, id string) *aggregate {
	for _, a := range m.aggregates {
		if a.tenant == tenant && a.kind == kind && a.id == id {
			return a
		}
	}
	return nil
}
