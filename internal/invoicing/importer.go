package invoicing

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/organisation"
)

// DefaultClients is how many commands run at once unless said otherwise.
const DefaultClients = 8

// Importer drafts the invoices of an [Input] for one actor, through the domain's services. Every id is derived from the tenant and the input's
// references, so that an import that broke off can simply be run again: what is there already stays as it is.
type Importer struct {
	transactor domain.Transactor
	actor      domain.Actor
	clients    int
}

// NewImporter returns an importer that runs at most clients commands at once; 0 means [DefaultClients].
func NewImporter(transactor domain.Transactor, actor domain.Actor, clients int) *Importer {
	if clients <= 0 {
		clients = DefaultClients
	}
	return &Importer{transactor: transactor, actor: actor, clients: clients}
}

// Created counts what an import has done.
type Created struct {
	New    int `json:"new"`    // made by this call
	Before int `json:"before"` // there already
}

// Organisations creates those that the invoices name, each once.
func (i *Importer) Organisations(ctx context.Context, input Input) (Created, error) {
	seen := map[string]bool{}
	var tasks []task
	for _, read := range input.Invoices {
		id := i.organisationID(read.Organisation)
		if seen[id] {
			continue
		}
		seen[id] = true
		tasks = append(tasks, func(ctx context.Context) error {
			services, err := i.servicesFor(read, input, id)
			if err == nil {
				_, err = services.Organisations.Create(ctx, i.actor, read.Organisation.Name)
			}
			return read.wrap("create its organisation", err)
		})
	}
	return i.run(ctx, tasks)
}

// Contacts creates those that the invoices name, each once. Their organisations must be there.
func (i *Importer) Contacts(ctx context.Context, input Input) (Created, error) {
	seen := map[string]bool{}
	var tasks []task
	for _, read := range input.Invoices {
		id := i.contactID(read)
		if seen[id] {
			continue
		}
		seen[id] = true
		tasks = append(tasks, func(ctx context.Context) error {
			services, err := i.servicesFor(read, input, id)
			if err == nil {
				_, err = services.Contacts.Create(ctx, i.actor, i.organisationID(read.Organisation), read.Contact.Details)
			}
			return read.wrap("create its contact", err)
		})
	}
	return i.run(ctx, tasks)
}

// Invoices drafts them all. Their organisations and contacts must be there.
func (i *Importer) Invoices(ctx context.Context, input Input) (Created, error) {
	tasks := make([]task, len(input.Invoices))
	for n, read := range input.Invoices {
		tasks[n] = func(ctx context.Context) error {
			services, err := i.servicesFor(read, input, i.InvoiceID(read))
			if err == nil {
				_, err = services.Invoices.Draft(ctx, i.actor, domain.DraftInvoice{
					OrganisationID: i.organisationID(read.Organisation), ContactID: i.contactID(read),
					CurrencyCode: read.CurrencyCode, DueDate: read.DueDate, LineItems: read.LineItems,
				})
			}
			return read.wrap("draft it", err)
		}
	}
	return i.run(ctx, tasks)
}

// InvoiceID is the id that an imported invoice has.
func (i *Importer) InvoiceID(read Invoice) string {
	return i.id("invoice", read.Organisation.Reference, read.Reference)
}

func (i *Importer) organisationID(of Organisation) string { return i.id("organisation", of.Reference) }

func (i *Importer) contactID(of Invoice) string {
	return i.id("contact", of.Organisation.Reference, of.Contact.Reference)
}

// id is a UUIDv5 of the tenant and the references. None of these has a control character, so none can be mistaken for two.
func (i *Importer) id(parts ...string) string {
	name := strings.Join(append([]string{"contrail import", i.actor.TenantID}, parts...), "\n")
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)).String()
}

func (i *Importer) servicesFor(read Invoice, input Input, id string) (Services, error) {
	at := read.draftedAt(input.Now)
	return NewServices(i.transactor, fixed(at), domain.Config{NewID: func() string { return id }})
}

func (i *Invoice) wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("line %d (%s): %s: %w", i.Line, i.Reference, doing, err)
}

// task is one command.
type task func(ctx context.Context) error

// run does the tasks side by side and ends with the first error. That something is there already is none.
func (i *Importer) run(ctx context.Context, tasks []task) (Created, error) {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(i.clients)
	results := make([]error, len(tasks))
	for n, do := range tasks {
		group.Go(func() error {
			results[n] = do(groupCtx)
			if isThere(results[n]) {
				return nil
			}
			return results[n]
		})
	}
	err := group.Wait()
	var created Created
	for n := range tasks {
		switch {
		case results[n] == nil:
			created.New++
		case isThere(results[n]):
			created.Before++
		}
	}
	return created, err //nolint:wrapcheck // each task names its line
}

func isThere(err error) bool {
	return errors.Is(err, organisation.ErrExists) || errors.Is(err, contact.ErrExists) || errors.Is(err, invoice.ErrExists)
}
