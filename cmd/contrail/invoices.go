package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/rule"
	"github.com/contrail-events/contrail/internal/invoicing"
)

// invoicesVerb works with the invoices of the worked example.
type invoicesVerb struct {
	Import invoicesImportVerb `cmd:"" help:"Post the invoices of a file, each once, and tell what became of each line."`
	List   invoicesListVerb   `cmd:"" help:"List a tenant's invoices."`
	Show   invoicesShowVerb   `cmd:"" help:"Show one invoice, its lines and its history."`
}

// tenantFlag says whose invoices, and how to read them. Those of another tenant are not there.
type tenantFlag struct {
	keysFlag

	Tenant string `required:"" placeholder:"ID" help:"Whose invoices."`
}

// actor is on whose behalf the service is asked.
func (f tenantFlag) actor(user string) (domain.Actor, error) {
	if user == "" {
		user = person()
	}
	actor := domain.Actor{TenantID: f.Tenant, UserID: user}
	const longest = 200 // characters, as in the domain
	var faults []error
	for _, fault := range []*rule.FieldError{rule.Text("--tenant", f.Tenant, longest), rule.Text("--user", user, longest)} {
		if fault != nil {
			faults = append(faults, usageError{fault.Error()})
		}
	}
	return actor, errors.Join(faults...)
}

// withInvoicing opens the service in this process.
func (f tenantFlag) withInvoicing(
	ctx context.Context, a *app, connections int32, do func(ctx context.Context, services invoicing.Services) error,
) error {
	keys, err := f.keyring()
	if err != nil {
		return err
	}
	pool, err := a.openStore(ctx, connections)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := a.inTime(ctx, func(ctx context.Context) error { return invoicing.Check(ctx, pool) }); err != nil {
		return err
	}
	transactor, err := invoicing.NewTransactor(pool, invoicing.TransactorConfig{Keys: keys})
	if err != nil {
		return err
	}
	services, err := invoicing.NewServices(transactor, time.Now, domain.Config{})
	if err != nil {
		return err
	}
	err = do(ctx, services)
	if errors.Is(err, domain.ErrNotFound) {
		return fmt.Errorf("%w; contrail invoices list shows which there are", err)
	}
	return err
}
