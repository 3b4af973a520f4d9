package domaintest

import (
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/rule"
)

// apply does to the model what a command did.
func (m *Model) apply(c command, result domain.Result) {
	a := m.visible(c.tenant, c.kind, c.id)
	if c.isNew() {
		a = &aggregate{kind: c.kind, id: result.ID, tenant: c.tenant, reference: c.reference, organisationID: c.organisationID}
		m.aggregates = append(m.aggregates, a)
	}
	m.change(a, c)
	a.version++
	a.past = append(a.past, a.text())
	if c.key != "" {
		m.kept[m.key(c)] = answer{command: c, result: result}
	}
}

func (m *Model) change(a *aggregate, c command) {
	switch c.verb {
	case "create", "rename":
		a.name, a.details = c.label, c.details
	case "draft":
		a.status, a.currency, a.draftedOn = invoice.StatusDrafted, c.currency, m.draftedOn(c)
		a.contactID, a.dueDate, a.lines, a.total = c.contactID, c.dueDate, c.lines, sum(c.lines)
	case "update":
		a.details = c.details
		a.dueDate, a.lines, a.total = c.dueDate, c.lines, sum(c.lines)
		if c.contactID != "" {
			a.contactID = c.contactID
		}
	case "issue", "approve":
		a.status, a.issuedAt = invoice.StatusIssued, rule.Moment(m.now)
	case "pay":
		a.status, a.paidAt = invoice.StatusPaid, rule.Moment(m.now)
	case "void":
		a.status = invoice.StatusVoided
	case "delete":
		a.deletedAt = rule.Moment(m.now)
	}
}
