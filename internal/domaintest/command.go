package domaintest

import (
	"context"
	"fmt"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
)

// command is one that a tenant gives, with the lines as the model knows them.
type command struct {
	kind, verb string
	tenant     int
	id         string // of the aggregate that is to be changed; "": a new one

	label          string // the name of an organisation
	details        contact.Details
	organisationID string
	contactID      string
	currency       currency
	dueDate        invoice.Date
	draftedOn      invoice.Date
	lines          []line

	reference   string
	key         string
	conditional bool
	versions    []int64
}

// name is how [Seen] knows it.
func (c command) name() string { return c.kind + " " + c.verb }

func (c command) isNew() bool { return c.verb == "create" || c.verb == "draft" }

// options are those of the domain.
func (c command) options() (options []domain.Option) {
	if c.reference != "" {
		options = append(options, domain.WithReference(c.reference))
	}
	if c.key != "" {
		options = append(options, domain.Once(c.key))
	}
	if c.conditional {
		options = append(options, domain.IfVersion(c.versions...))
	}
	return options
}

// fingerprint is the same for the same command with the same arguments, whatever it is called and on whatever condition.
func (c command) fingerprint() string {
	if c.verb == "approve" {
		c.verb = "issue"
	}
	return fmt.Sprintf("%q", []string{
		c.kind, c.verb, c.id, c.label, fmt.Sprintf("%q", c.details), c.organisationID, c.contactID, c.currency.code, c.dueDate.String(), c.draftedOn.String(),
		fmt.Sprint(lineTexts(c.lines)), c.reference,
	})
}

func (c command) items() (items []invoice.LineItem, err error) {
	for _, line := range c.lines {
		item, err := line.item()
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

// do gives the command to its service.
func (m *Model) do(ctx context.Context, c command) (domain.Result, error) {
	actor, options := m.tenants[c.tenant], c.options()
	switch c.name() {
	case "organisation create":
		return m.organisations.Create(ctx, actor, c.label, options...)
	case "organisation rename":
		return m.organisations.Rename(ctx, actor, c.id, c.label, options...)
	case "organisation delete":
		return m.organisations.Delete(ctx, actor, c.id, options...)
	case "contact create":
		return m.contacts.Create(ctx, actor, c.organisationID, c.details, options...)
	case "contact update":
		return m.contacts.Update(ctx, actor, c.id, c.details, options...)
	case "contact delete":
		return m.contacts.Delete(ctx, actor, c.id, options...)
	}
	return m.doInvoice(ctx, c)
}

func (m *Model) doInvoice(ctx context.Context, c command) (domain.Result, error) {
	actor, options := m.tenants[c.tenant], c.options()
	items, err := c.items()
	if err != nil {
		return domain.Result{}, err
	}
	switch c.verb {
	case "draft":
		return m.invoices.Draft(ctx, actor, domain.DraftInvoice{
			OrganisationID: c.organisationID, ContactID: c.contactID, CurrencyCode: c.currency.code, DueDate: c.dueDate, LineItems: items,
			DraftedOn: c.draftedOn,
		}, options...)
	case "update":
		return m.invoices.Update(ctx, actor, c.id, domain.UpdateInvoice{ContactID: c.contactID, DueDate: c.dueDate, LineItems: items}, options...)
	case "issue":
		return m.invoices.Issue(ctx, actor, c.id, options...)
	case "approve":
		return m.invoices.Approve(ctx, actor, c.id, options...)
	case "pay":
		return m.invoices.Pay(ctx, actor, c.id, options...)
	case "void":
		return m.invoices.Void(ctx, actor, c.id, options...)
	case "delete":
		return m.invoices.Delete(ctx, actor, c.id, options...)
	}
	return domain.Result{}, fmt.Errorf("the model has no command %q", c.verb)
}
