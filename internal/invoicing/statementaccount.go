package invoicing

import (
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// account is what an organisation is owed in one currency.
type account struct{ tenantID, organisationID, currencyCode string }

// accounts are those whose balances are to be worked out, each from a position on.
type accounts map[account]contrail.Position

// touch has an account settled from a position on. A line without a currency is in no account yet.
func (a accounts) touch(row *invoiceRow, currencyCode string, from contrail.Position) {
	if currencyCode == "" {
		return
	}
	key := account{row.tenantID, row.organisationID, currencyCode}
	if before, touched := a[key]; !touched || from < before {
		a[key] = from
	}
}

// settleSQL adds up from the last line before, and locks the lines whose balance is not what it was: the new ones, and all behind one that came
// late. It walks the index on (tenant_id, organisation_id, currency_code, position).
const settleSQL = `UPDATE statement_lines AS l SET balance = settled.balance FROM (
	SELECT position, sum(amount) OVER (ORDER BY position) + coalesce((
		SELECT balance FROM statement_lines WHERE tenant_id = $1 AND organisation_id = $2 AND currency_code = $3 AND position < $4
		ORDER BY position DESC LIMIT 1), 0) AS balance
	FROM statement_lines WHERE tenant_id = $1 AND organisation_id = $2 AND currency_code = $3 AND position >= $4
) AS settled WHERE l.position = settled.position AND l.balance <> settled.balance`

func (a accounts) settle(batch *pgx.Batch) {
	for key, from := range a {
		batch.Queue(settleSQL, key.tenantID, key.organisationID, key.currencyCode, from)
	}
}
