package invoicing

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/internal/wire"
	"github.com/contrail-events/contrail/subscribers"
)

// SummaryDurable is the usual name of the summary's consumer.
const SummaryDurable = "invoice-summary"

// NewSummarySubscription returns the subscription that keeps the read model "invoice-summary" in the pool's database. Durable, Inbox and Filter
// are filled in where config leaves them out; errors are those of [subscribers.New]. Any number of processes may run it side by side: the
// rows come out right in whatever order events are handled.
func NewSummarySubscription(js jetstream.JetStream, pool *pgxpool.Pool, config subscribers.Config) (*subscribers.Subscription, error) {
	if config.Durable == "" {
		config.Durable = SummaryDurable
	}
	if config.Inbox == nil {
		config.Inbox = subscribers.NewInbox(pool)
	}
	if len(config.Filter) == 0 {
		config.Filter = subjects(config.Prefix, invoice.Category, organisation.Category)
	}
	sub, err := subscribers.New(js, config)
	if err != nil {
		return nil, err
	}
	handleInvoices(sub)
	handleOrganisations(sub)
	return sub, nil
}

// subjects are those of all events of the categories.
func subjects(prefix string, categories ...string) []string {
	if prefix == "" {
		prefix = wire.DefaultPrefix
	}
	filter := make([]string, len(categories))
	for i, category := range categories {
		filter[i] = prefix + "." + category + ".>"
	}
	return filter
}

func handleInvoices(sub *subscribers.Subscription) {
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[invoice.Drafted]) error {
		return saveInvoice(ctx, tx, e.Recorded, invoiceChange{organisationID: e.Data.Invoice.OrganisationID, body: &e.Data.Invoice})
	})
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[invoice.Updated]) error {
		return saveInvoice(ctx, tx, e.Recorded, invoiceChange{organisationID: e.Data.Invoice.OrganisationID, body: &e.Data.Invoice})
	})
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[invoice.Issued]) error {
		return saveInvoice(ctx, tx, e.Recorded, invoiceChange{organisationID: e.Data.Invoice.OrganisationID, status: e.Data.Invoice.Status})
	})
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[invoice.Paid]) error {
		return saveInvoice(ctx, tx, e.Recorded, invoiceChange{organisationID: e.Data.Invoice.OrganisationID, status: e.Data.Invoice.Status})
	})
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[invoice.Voided]) error {
		return saveInvoice(ctx, tx, e.Recorded, invoiceChange{organisationID: e.Data.Invoice.OrganisationID, status: e.Data.Invoice.Status})
	})
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[invoice.Deleted]) error {
		return saveInvoice(ctx, tx, e.Recorded, invoiceChange{organisationID: e.Data.Invoice.OrganisationID, deletedAt: e.Data.Invoice.DeletedAt})
	})
}

func handleOrganisations(sub *subscribers.Subscription) {
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[organisation.Created]) error {
		return saveOrganisation(ctx, tx, e.Recorded, e.Data.Organisation.Name, false)
	})
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[organisation.Updated]) error {
		return saveOrganisation(ctx, tx, e.Recorded, e.Data.Organisation.Name, false)
	})
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[organisation.Deleted]) error {
		return saveOrganisation(ctx, tx, e.Recorded, e.Data.Organisation.Name, true)
	})
}

var errNoTenant = errors.New("the event has no tenant_id in its metadata")

// tenantOf returns whose event it is. One without a tenant is nobody's, and no retry will change that.
func tenantOf(e contrail.Recorded) (string, error) {
	tenant := e.Metadata[contrail.KeyTenantID]
	if tenant == "" {
		return "", contrail.Permanent(errNoTenant)
	}
	return tenant, nil
}
