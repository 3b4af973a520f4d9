package invoicing

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// SummaryName is the usual name of the summary's projection, and of its checkpoint.
const SummaryName = "invoice-summary"

// NewSummaryProjection returns the projection that keeps the summaries in the pool's database. Name and Categories are filled in where config leaves
// them out, and Tables always; errors are those of [subscribers.NewProjection].
func NewSummaryProjection(
	js jetstream.JetStream, pool *pgxpool.Pool, config subscribers.ProjectionConfig,
) (*subscribers.Projection, error) {
	config, model := newReadModel(config, SummaryName,
		"invoicing.summary_invoices", "invoicing.summary_totals", "invoicing.summary_organisations")
	return subscribers.NewProjection(js, pool, config, summaryModel{model}.project)
}

type summaryModel struct{ readModel }

// The tables are named without their schema: those that are built anew stand in another.
const (
	loadSummaryInvoicesSQL = loadInvoicesSQL + `summary_invoices` + loadInvoicesWhere
	saveSummaryInvoiceSQL  = `INSERT INTO summary_invoices` + saveInvoiceSQL
)

// project adds up in the process what a batch does to the counters, so that each of them is written once.
func (m summaryModel) project(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
	facts := m.facts(ctx, events)
	invoices, err := loadInvoices(ctx, tx, loadSummaryInvoicesSQL, facts)
	if err != nil {
		return err
	}
	totals, organisations := totalChanges{}, organisationRows{}
	totals.add(invoices, -1)
	m.foldInvoices(ctx, invoices, facts, nil)
	totals.add(invoices, +1)
	for _, f := range facts {
		if f.organisation == nil {
			continue
		}
		if err := organisations.fold(f); err != nil {
			m.leaveOut(ctx, f.Recorded, err)
		}
	}
	var batch pgx.Batch
	invoices.save(&batch, saveSummaryInvoiceSQL)
	totals.save(&batch)
	organisations.save(&batch)
	return m.write(ctx, tx, &batch)
}
