package invoicing

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/eventstore"
)

// StatementLine is one movement on what an organisation is owed.
type StatementLine struct {
	Position  contrail.Position `json:"position"` // the global order
	MovedAt   time.Time         `json:"moved_at"`
	InvoiceID string            `json:"invoice_id"`
	Movement  string            `json:"movement"` // issued, paid, voided, deleted
	Amount    money.Money       `json:"amount"`   // what it adds; negative: takes away; nothing where nothing was owed
	Balance   money.Money       `json:"balance"`  // what is owed in this currency after it
}

// statementSQL walks the index on (tenant_id, organisation_id, position).
const statementSQL = `SELECT position, moved_at, invoice_id, movement, currency_code, amount::text,
	sum(amount) OVER (PARTITION BY currency_code ORDER BY position)::text
FROM invoicing.statement_lines WHERE tenant_id = $1 AND organisation_id = $2 ORDER BY position`

// ReadStatement returns an organisation's statement in global order, with the balance of each currency running along.
func ReadStatement(ctx context.Context, db eventstore.Querier, tenant, organisationID string) ([]StatementLine, error) {
	rows, err := db.Query(ctx, statementSQL, tenant, organisationID)
	if err != nil {
		return nil, fmt.Errorf("read the statement: %w", err)
	}
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (line StatementLine, err error) {
		var currency, amount, balance string
		err = row.Scan(&line.Position, &line.MovedAt, &line.InvoiceID, &line.Movement, &currency, &amount, &balance)
		if err == nil {
			line.Amount, err = money.Parse(amount, currency)
		}
		if err == nil {
			line.Balance, err = money.Parse(balance, currency)
		}
		line.MovedAt = line.MovedAt.UTC()
		return line, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the statement: %w", err)
	}
	return lines, nil
}
