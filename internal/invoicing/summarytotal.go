package invoicing

import (
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/contrail-events/contrail/domain/invoice"
)

// totalKey is one line of one summary.
type totalKey struct {
	tenantID, organisationID, currencyCode string
	status                                 invoice.Status
}

// totalChange is what a batch adds to a line.
type totalChange struct {
	invoices int64
	amount   decimal.Decimal
}

type totalChanges map[totalKey]totalChange

// add adds each invoice that counts so many times: -1 takes it out of its line.
func (t totalChanges) add(rows invoiceRows, times int64) {
	for _, row := range rows {
		if !row.counts() {
			continue
		}
		key := totalKey{row.tenantID, row.organisationID, row.subTotal.CurrencyCode(), row.status}
		change := t[key]
		t[key] = totalChange{change.invoices + times, change.amount.Add(number(row.subTotal).Mul(decimal.NewFromInt(times)))}
	}
}

// saveTotalSQL locks one row.
const saveTotalSQL = `INSERT INTO summary_totals AS t (tenant_id, organisation_id, currency_code, status, invoices, amount)
VALUES ($1, $2, $3, $4, $5, $6::text::numeric)
ON CONFLICT (tenant_id, organisation_id, currency_code, status) DO UPDATE
SET invoices = t.invoices + excluded.invoices, amount = t.amount + excluded.amount`

func (t totalChanges) save(batch *pgx.Batch) {
	for key, change := range t {
		if change.invoices != 0 || !change.amount.IsZero() {
			batch.Queue(saveTotalSQL, key.tenantID, key.organisationID, key.currencyCode, string(key.status), change.invoices, change.amount.String())
		}
	}
}
