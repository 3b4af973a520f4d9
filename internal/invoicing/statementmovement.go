package invoicing

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
	"github.com/shopspring/decimal"

	"github.com/contrail-events/contrail"
)

// movement is what changes what an organisation is owed for an invoice: from when it is issued until something else happens to it, that is the
// sub-total.
type movement struct {
	position  contrail.Position
	invoiceID string
	name      string // issued, paid, voided, deleted
	at        time.Time

	amount   decimal.Decimal // that it adds
	currency string          // "": the invoice's body is not known yet, and so is not what it adds
	changed  bool            // since it was loaded
}

// movements are those of each invoice that a batch is about, in any order.
type movements map[string][]*movement

// loadMovementsSQL relies on the index on invoice_id, and takes no lock.
const loadMovementsSQL = `SELECT position, invoice_id, movement, moved_at, amount::text, currency_code FROM statement_lines WHERE invoice_id = ANY($1)`

func loadMovements(ctx context.Context, tx pgx.Tx, invoices invoiceRows) (movements, error) {
	found := movements{}
	if len(invoices) == 0 {
		return found, nil
	}
	var next movement
	var amount string
	err := scan{[]any{&next.position, &next.invoiceID, &next.name, &next.at, &amount, (*zeronull.Text)(&next.currency)}, func() (err error) {
		one := next
		found[one.invoiceID] = append(found[one.invoiceID], &one)
		one.amount, err = decimal.NewFromString(amount)
		return err //nolint:wrapcheck // wrapped below
	}}.rows(tx.Query(ctx, loadMovementsSQL, plannedAnew, slices.Collect(maps.Keys(invoices))))
	if err != nil {
		return nil, fmt.Errorf("load the movements of %d invoices: %w", len(invoices), err)
	}
	return found, nil
}

// add adds the movement that an event is, if it is one.
func (m movements) add(row *invoiceRow, f fact) {
	if f.change.movement == "" {
		return
	}
	at := f.change.movedAt
	if at.IsZero() {
		at = f.RecordedAt
	}
	m[row.id] = append(m[row.id], &movement{position: f.Position, invoiceID: row.id, name: f.change.movement, at: at, changed: true})
}

// price works out what each of an invoice's movements adds, and has the accounts settled in which that is new. It changes what was there before only
// when an event has come late.
func (r *invoiceRow) price(moved []*movement, accounts accounts) {
	slices.SortFunc(moved, func(a, b *movement) int { return cmp.Compare(a.position, b.position) })
	subTotal, currency, open := number(r.subTotal), r.subTotal.CurrencyCode(), decimal.Decimal{}
	for _, one := range moved {
		target := decimal.Decimal{}
		if one.name == movementIssued {
			target = subTotal
		}
		amount := target.Sub(open)
		open = target
		if one.changed || currency != one.currency || !amount.Equal(one.amount) {
			accounts.touch(r, one.currency, one.position)
			accounts.touch(r, currency, one.position)
			one.amount, one.currency, one.changed = amount, currency, true
		}
	}
}

// saveMovementSQL locks one row.
const saveMovementSQL = `INSERT INTO statement_lines (position, tenant_id, organisation_id, invoice_id, movement, moved_at, amount, currency_code)
VALUES ($1, $2, $3, $4, $5, $6, $7::text::numeric, $8)
ON CONFLICT (position) DO UPDATE SET amount = excluded.amount, currency_code = excluded.currency_code`

// save has the movements written that are new, or are not what they were, and their accounts settled.
func (m movements) save(batch *pgx.Batch, invoices invoiceRows) {
	accounts := accounts{}
	for id, moved := range m {
		row := invoices[id]
		row.price(moved, accounts)
		for _, one := range moved {
			if one.changed {
				batch.Queue(saveMovementSQL, one.position, row.tenantID, row.organisationID, one.invoiceID, one.name, one.at,
					one.amount.String(), zeronull.Text(one.currency))
			}
		}
	}
	accounts.settle(batch)
}
