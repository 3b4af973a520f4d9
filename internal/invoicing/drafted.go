package invoicing

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail/eventstore"
)

// Drafted is what was ever drafted, whatever became of it: the sum over the InvoiceDrafted events.
type Drafted struct {
	Invoices int64
	Totals   map[string]string // the exact amount by currency, such as "2328.60" for USD
}

// draftedSQL reads the whole table once.
const draftedSQL = `SELECT data->'invoice'->'sub_total'->>'currency_code', count(*), sum((data->'invoice'->'sub_total'->>'amount')::numeric)::text
FROM contrail.events WHERE type = 'InvoiceDrafted' AND metadata->>'tenant_id' = $1 GROUP BY 1`

// ReadDrafted adds up the tenant's drafts, from the events themselves.
func ReadDrafted(ctx context.Context, db eventstore.Querier, tenant string) (Drafted, error) {
	rows, err := db.Query(ctx, draftedSQL, tenant)
	if err != nil {
		return Drafted{}, fmt.Errorf("add up what was drafted: %w", err)
	}
	drafted := Drafted{Totals: map[string]string{}}
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (total Total, err error) {
		var currency, amount string
		var count int64
		if err = row.Scan(&currency, &count, &amount); err == nil {
			total, err = parseTotal(amount, currency)
			drafted.Invoices += count
			drafted.Totals[currency] = total.Amount()
		}
		return total, err
	})
	if err != nil {
		return Drafted{}, fmt.Errorf("add up what was drafted: %w", err)
	}
	return drafted, nil
}
