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

// OverdueName is the usual name of the projection of overdue invoices, and of its checkpoint.
const OverdueName = "overdue"

// NewOverdueProjection returns the projection that keeps in the pool's database what is due and when. Name and Categories are filled in where config
// leaves them out, and Tables always; errors are those of [subscribers.NewProjection].
func NewOverdueProjection(
	js jetstream.JetStream, pool *pgxpool.Pool, config subscribers.ProjectionConfig,
) (*subscribers.Projection, error) {
	config, model := newReadModel(config, OverdueName, "invoicing.overdue_invoices")
	return subscribers.NewProjection(js, pool, config, overdueModel{model}.project)
}

type overdueModel struct{ readModel }

// The table is named without its schema: the one that is built anew stands in another.
const (
	loadOverdueInvoicesSQL = loadInvoicesSQL + `overdue_invoices` + loadInvoicesWhere
	saveOverdueInvoiceSQL  = `INSERT INTO overdue_invoices` + saveInvoiceSQL
)

// project keeps the rows of invoices that nobody owes any more: a draft that comes late must not bring one back.
func (m overdueModel) project(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
	facts := m.facts(ctx, events)
	invoices, err := loadInvoices(ctx, tx, loadOverdueInvoicesSQL, facts)
	if err != nil {
		return err
	}
	m.foldInvoices(ctx, invoices, facts, nil)
	var batch pgx.Batch
	invoices.save(&batch, saveOverdueInvoiceSQL)
	return m.write(ctx, tx, &batch)
}
