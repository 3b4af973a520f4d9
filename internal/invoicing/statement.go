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

// StatementName is the usual name of the statement's projection, and of its checkpoint.
const StatementName = "statement"

// NewStatementProjection returns the projection that keeps the organisations' statements in the pool's database. Name and Categories are filled in
// where config leaves them out, and Tables always; errors are those of [subscribers.NewProjection].
func NewStatementProjection(
	js jetstream.JetStream, pool *pgxpool.Pool, config subscribers.ProjectionConfig,
) (*subscribers.Projection, error) {
	config, model := newReadModel(config, StatementName, "invoicing.statement_invoices", "invoicing.statement_lines")
	return subscribers.NewProjection(js, pool, config, statementModel{model}.project)
}

type statementModel struct{ readModel }

// The tables are named without their schema: those that are built anew stand in another.
const (
	loadStatementInvoicesSQL = loadInvoicesSQL + `statement_invoices` + loadInvoicesWhere
	saveStatementInvoiceSQL  = `INSERT INTO statement_invoices` + saveInvoiceSQL
)

// project writes the movements, and then what is owed after each of them.
func (m statementModel) project(ctx context.Context, tx pgx.Tx, events []contrail.Delivered[json.RawMessage]) error {
	facts := m.facts(ctx, events)
	invoices, err := loadInvoices(ctx, tx, loadStatementInvoicesSQL, facts)
	if err != nil {
		return err
	}
	movements, err := loadMovements(ctx, tx, invoices)
	if err != nil {
		return err
	}
	m.foldInvoices(ctx, invoices, facts, movements.add)
	var batch pgx.Batch
	invoices.save(&batch, saveStatementInvoiceSQL)
	movements.save(&batch, invoices)
	return m.write(ctx, tx, &batch)
}
