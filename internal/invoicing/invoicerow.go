package invoicing

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
	"github.com/shopspring/decimal"

	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
)

// invoiceRow is what a read model knows of an invoice. It is the same after the same events, in whatever order they came.
type invoiceRow struct {
	id, tenantID, organisationID string

	contactID   string
	subTotal    money.Money
	dueDate     invoice.Date
	bodyVersion int64 // of the event that told these; 0: none has yet

	status        invoice.Status
	statusVersion int64 // likewise

	issuedAt, deletedAt time.Time

	changed bool // since it was loaded
}

// counts tells whether there is such an invoice, as far as is known: it was drafted, and it is not deleted.
func (r *invoiceRow) counts() bool { return r.bodyVersion > 0 && r.deletedAt.IsZero() }

// number is an amount of money without its currency, to add up without bounds.
func number(amount money.Money) decimal.Decimal {
	number, _ := decimal.NewFromString(amount.Amount()) // it is one
	return number
}

// invoiceRows are the rows of all invoices that a batch is about, by id.
type invoiceRows map[string]*invoiceRow

// loadInvoicesSQL is followed by the name of a table. It relies on the primary key, and takes no lock: none but the projection writes there.
const (
	loadInvoicesSQL = `SELECT id, tenant_id, organisation_id, contact_id, coalesce(sub_total, 0)::text, currency_code, to_char(due_date, 'YYYY-MM-DD'), body_version,
	status, status_version, issued_at, deleted_at FROM `
	loadInvoicesWhere = ` WHERE id = ANY($1)`
)

// saveInvoiceSQL follows the name of a table, and locks one row.
const (
	saveInvoiceSQL = ` (id, tenant_id, organisation_id, contact_id, sub_total, currency_code, due_date, body_version,
	status, status_version, issued_at, deleted_at)
VALUES ($1, $2, $3, $4, $5::text::numeric, $6, $7::text::date, $8, $9, $10, $11, $12)
ON CONFLICT (id) DO UPDATE SET contact_id = excluded.contact_id, sub_total = excluded.sub_total, currency_code = excluded.currency_code,
	due_date = excluded.due_date, body_version = excluded.body_version, status = excluded.status, status_version = excluded.status_version,
	issued_at = excluded.issued_at, deleted_at = excluded.deleted_at`
)

// plannedAnew has the server plan a statement whenever it runs: who fills a table would keep the plan of when it was empty, which reads all of it.
const plannedAnew = pgx.QueryExecModeCacheDescribe

// loadInvoices returns the rows of all invoices that facts are about, empty ones for those that are new.
func loadInvoices(ctx context.Context, tx pgx.Tx, sql string, facts []fact) (invoiceRows, error) {
	found := invoiceRows{}
	ids := make([]string, 0, len(facts))
	for _, f := range facts {
		if id := f.Stream.ID(); f.change != nil && found[id] == nil {
			found[id] = &invoiceRow{id: id}
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return found, nil
	}
	var next invoiceRow
	var amount, currency, due string
	err := scan{[]any{
		&next.id, &next.tenantID, &next.organisationID, (*zeronull.Text)(&next.contactID), &amount, (*zeronull.Text)(&currency),
		(*zeronull.Text)(&due), &next.bodyVersion, (*zeronull.Text)(&next.status), &next.statusVersion,
		(*zeronull.Timestamptz)(&next.issuedAt), (*zeronull.Timestamptz)(&next.deletedAt),
	}, func() (err error) {
		row := next
		if currency != "" {
			row.subTotal, err = money.Parse(amount, currency)
		}
		if err == nil && due != "" {
			row.dueDate, err = invoice.ParseDate(due)
		}
		found[row.id] = &row
		return err
	}}.rows(tx.Query(ctx, sql, plannedAnew, ids))
	if err != nil {
		return nil, fmt.Errorf("load the rows of %d invoices: %w", len(ids), err)
	}
	return found, nil
}

// save has the rows written that have changed.
func (rows invoiceRows) save(batch *pgx.Batch, sql string) {
	for _, row := range rows {
		if row.changed {
			batch.Queue(sql, row.id, row.tenantID, row.organisationID, zeronull.Text(row.contactID), row.subTotal.Amount(),
				zeronull.Text(row.subTotal.CurrencyCode()), zeronull.Text(row.dueDate.String()), row.bodyVersion,
				zeronull.Text(row.status), row.statusVersion, zeronull.Timestamptz(row.issuedAt), zeronull.Timestamptz(row.deletedAt))
		}
	}
}
