package invoicing

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/contrail-events/contrail/domain"
)

// Importer posts an [Input] for one actor in three steps, so that each can be watched; [Import] does the same line by line. Like that one it goes by
// references, so that an import that broke off can simply be run again.
type Importer struct {
	transactor domain.Transactor
	actor      domain.Actor
	clients    int
	directory  func() (*directory, error)
}

// NewImporter returns an importer that runs at most clients commands at once; 0 means [DefaultClients].
func NewImporter(transactor domain.Transactor, actor domain.Actor, clients int) *Importer {
	if clients <= 0 {
		clients = DefaultClients
	}
	return &Importer{transactor, actor, clients, sync.OnceValues(func() (*directory, error) {
		services, err := NewServices(transactor, time.Now, domain.Config{})
		return newDirectory(NewLocal(services, actor), ImportConfig{}.withDefaults()), err
	})}
}

// Created counts what an import has done.
type Created struct {
	New    int `json:"new"`    // made by this call
	Before int `json:"before"` // there already
}

// Organisations creates those that the invoices name, each once.
func (i *Importer) Organisations(ctx context.Context, input Input) (Created, error) {
	key := func(read Invoice) string { return read.Organisation.Reference }
	return i.place(ctx, input, key, func(ctx context.Context, d *directory, read Invoice) (placed, error) {
		return d.organisation(ctx, read)
	})
}

// Contacts creates those that the invoices name, each once, and their organisations before them.
func (i *Importer) Contacts(ctx context.Context, input Input) (Created, error) {
	key := func(read Invoice) string { return read.contactReference() }
	return i.place(ctx, input, key, func(ctx context.Context, d *directory, read Invoice) (placed, error) {
		whom, _, err := d.contact(ctx, read)
		return whom, err
	})
}

// Invoices drafts them all, and creates their organisations and contacts before them.
func (i *Importer) Invoices(ctx context.Context, input Input) (Created, error) {
	key := func(read Invoice) string { return read.Reference }
	return i.place(ctx, input, key, func(ctx context.Context, d *directory, read Invoice) (placed, error) { return d.invoice(ctx, read) })
}

// place places what the invoices of an input have under a key, once for each key.
func (i *Importer) place(
	ctx context.Context, input Input, key func(Invoice) string, place func(context.Context, *directory, Invoice) (placed, error),
) (Created, error) {
	directory, err := i.directory()
	if err != nil {
		return Created{}, err
	}
	seen := map[string]bool{}
	var tasks []task
	for _, read := range input.Invoices {
		if !seen[key(read)] {
			seen[key(read)] = true
			tasks = append(tasks, func(ctx context.Context) (bool, error) {
				found, err := place(ctx, directory, read)
				return found.isNew, read.wrap(err)
			})
		}
	}
	return i.run(ctx, tasks)
}

func (i *Invoice) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("line %d (%s): %w", i.Line, i.Reference, err)
}

// task does one thing, and tells whether it is new.
type task func(ctx context.Context) (bool, error)

// run does the tasks side by side and ends with the first error.
func (i *Importer) run(ctx context.Context, tasks []task) (Created, error) {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(i.clients)
	var made, before atomic.Int64
	for _, do := range tasks {
		group.Go(func() error {
			isNew, err := do(groupCtx)
			switch {
			case err != nil:
				return err
			case isNew:
				made.Add(1)
			default:
				before.Add(1)
			}
			return nil
		})
	}
	err := group.Wait()
	return Created{New: int(made.Load()), Before: int(before.Load())}, err //nolint:wrapcheck // each task names its line
}
