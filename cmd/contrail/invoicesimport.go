package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/internal/invoicing"
)

// invoicesImportVerb imports.
type invoicesImportVerb struct {
	tenantFlag

	File         string        `arg:"" help:"A file of JSON lines, one invoice each; - is standard input."`
	API          string        `name:"api" placeholder:"URL" help:"Post to a running contrail serve, as in http://127.0.0.1:8080. Default: to the database."`
	User         string        `placeholder:"ID" help:"Who imports, in the metadata of the events. Default: you, as in ada@host."`
	Organisation string        `placeholder:"NAME" help:"The sender of invoices that name none; the name is its reference, too. Default: Main organisation."`
	Clients      int           `default:"8" help:"Invoices that are posted at once."`
	Patience     time.Duration `default:"1m" placeholder:"1m" help:"For how long a line is tried again while the service is unavailable."`
	Strict       bool          `help:"Check all lines first, and do nothing at all if one is bad. Default: report it and go on with the others."`
	DryRun       bool          `env:"-" help:"Do nothing: tell what would be done."`
	JSON         bool          `name:"json" help:"Print one JSON object a line, and the summary as the last one."`
}

// Help teaches.
func (*invoicesImportVerb) Help() string {
	return `Posts the invoices of a file, and the organisations and contacts that they name, through the invoicing service, and tells of each line
whether its invoice was created, was there before, was refused (with the field, and what to do) or has failed. It exits 0 only if
every invoice is there. Several are posted at once, and few are held in memory, however long the file is.

All goes by references: that of a line is its invoice's, unique among the tenant's. A contact's need be unique in its organisation
alone; in the service it is the organisation's, a slash, and its own. What is there with its reference is not made again, even if
it was changed since; so an import that broke off, by a signal or a crash, can simply be run again, by --api or without. What is
there and reads otherwise is refused.

By default the database is written to, which needs contrail migrate --example. With --api nothing but the URL is needed.

A line looks like this, in one line, where "organisation" and "drafted_on" may be left out. An invoice that was due before today is
then drafted as of thirty days before it was due, any other one as of today:

  {"reference":"a-1","organisation":{"reference":"o-1","name":"Apex"},
   "contact":{"reference":"c-1","first_name":"Ada","last_name":"Byron","email":"ada@example.org"},
   "currency_code":"EUR","due_date":"2026-01-31","drafted_on":"2026-01-01",
   "line_items":[{"description":"Tea","unit_amount":{"amount":"2.50","currency_code":"EUR"},"quantity":2}],
   "sub_total":{"amount":"5.00","currency_code":"EUR"}}

Examples:

  contrail invoices import invoices.jsonl --tenant t-1
  zcat book-2025.jsonl.gz | contrail invoices import - --tenant t-1 --strict --api http://127.0.0.1:8080
  contrail invoices import invoices.jsonl --tenant t-1 --dry-run --json | jq -c 'select(.status == "refused")'`
}

// Run imports.
func (v *invoicesImportVerb) Run(ctx context.Context, a *app) error {
	actor, err := v.check()
	if err != nil {
		return err
	}
	actor.CorrelationID = "import-" + uuid.NewString()
	input, err := openInvoices(v.File)
	if err != nil {
		return err
	}
	defer input.close()
	if v.API == "" {
		return v.withInvoicing(ctx, a, int32(v.Clients), func(ctx context.Context, services invoicing.Services) error { //nolint:gosec // check bounds it
			return v.run(ctx, a, input, invoicing.NewLocal(services, actor))
		})
	}
	client, err := invoicing.NewClient(v.API, actor)
	if err != nil {
		return usagef("--api: %v", err)
	}
	defer client.Close()
	if err := a.inTime(ctx, client.Check); err != nil {
		return fmt.Errorf("the API can't be used: %w; start contrail serve, or correct --api", err)
	}
	return v.run(ctx, a, input, client)
}

// check refuses what makes no sense, and tells who imports.
func (v *invoicesImportVerb) check() (domain.Actor, error) {
	const mostClients = 1000
	actor, err := v.actor(v.User)
	faults := []error{err, atLeast("--clients", v.Clients, 1), atLeast("--patience", v.Patience, time.Millisecond)}
	if v.Clients > mostClients {
		faults = append(faults, usagef("--clients is %d; give %d or less", v.Clients, mostClients))
	}
	return actor, errors.Join(faults...)
}

// run imports into a service.
func (v *invoicesImportVerb) run(ctx context.Context, a *app, input *invoicesInput, service invoicing.Service) error {
	began := time.Now()
	teller := a.newImportTeller(v, input.size)
	if v.Strict {
		refused, err := v.checkLines(ctx, teller, input)
		if err != nil {
			return err
		}
		if refused.Refused > 0 {
			return teller.strict(refused, time.Since(began))
		}
	}
	config := invoicing.ImportConfig{Clients: v.Clients, Patience: v.Patience, DryRun: v.DryRun}
	summary, err := invoicing.Import(ctx, service, v.lines(input, began), config, teller.tell)
	if told := teller.conclude(summary, time.Since(began)); err == nil {
		err = told
	}
	if errors.Is(err, invoicing.ErrGivenUp) {
		return fmt.Errorf("%w; what is there is not made again when you import it later", err)
	}
	return err
}

func (v *invoicesImportVerb) lines(input *invoicesInput, now time.Time) iter.Seq2[invoicing.Invoice, error] {
	return invoicing.Lines(input.file, invoicing.InputConfig{Organisation: v.Organisation, Now: now})
}

// checkLines reads the whole input, tells of each bad line, and goes back to the beginning.
func (v *invoicesImportVerb) checkLines(ctx context.Context, teller *importTeller, input *invoicesInput) (invoicing.ImportSummary, error) {
	summary := invoicing.ImportSummary{Totals: map[string]string{}, DryRun: v.DryRun, Complete: true}
	if err := input.keep(ctx); err != nil {
		return summary, err
	}
	for read, err := range v.lines(input, time.Now()) {
		fault, bad := errors.AsType[*invoicing.LineError](err)
		switch {
		case ctx.Err() != nil:
			return summary, context.Cause(ctx) //nolint:wrapcheck // the signal
		case bad:
			summary.Refused++
			told := invoicing.Outcome{Line: fault.Line, Status: invoicing.LineRefused, Field: fault.Field, Reason: fault.Reason, End: read.End}
			if err := teller.tell(told); err != nil {
				return summary, err
			}
		case err != nil:
			return summary, err
		}
		summary.Lines++
	}
	return summary, input.rewind()
}
