package invoicing

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/eventstore"
)

// Summary is how an organisation's invoices stand. Deleted ones are not in it.
type Summary struct {
	OrganisationID string        `json:"organisation_id"`
	Organisation   string        `json:"organisation"` // its name; "" as long as no event told it
	Lines          []SummaryLine `json:"lines"`        // by currency, and within it in the order of an invoice's life
}

// SummaryLine is the invoices of one status in one currency.
type SummaryLine struct {
	Status   invoice.Status `json:"status"`
	Invoices int64          `json:"invoices"`
	SubTotal money.Money    `json:"sub_total"`
}

// summarySQL reads the tenant's rows through their index. A row of which only a later event was handled yet has no body and does not count.
const summarySQL = `SELECT i.organisation_id, coalesce(o.name, ''), i.status, i.currency_code, count(*), sum(i.sub_total)::text
FROM invoicing.invoices i LEFT JOIN invoicing.organisations o ON o.id = i.organisation_id
WHERE i.tenant_id = $1 AND i.deleted_at IS NULL AND i.body_version > 0
GROUP BY i.organisation_id, o.name, i.status, i.currency_code
ORDER BY o.name, i.organisation_id, i.currency_code, array_position(ARRAY['drafted', 'issued', 'paid', 'voided'], i.status)`

// ReadSummaries returns the summary of each of a tenant's organisations that has an invoice, by name. The amounts are exact.
func ReadSummaries(ctx context.Context, db eventstore.Querier, tenant string) ([]Summary, error) {
	rows, err := db.Query(ctx, summarySQL, tenant)
	if err != nil {
		return nil, fmt.Errorf("read the invoice summaries: %w", err)
	}
	parts, err := pgx.CollectRows(rows, scanSummary)
	if err != nil {
		return nil, fmt.Errorf("read the invoice summaries: %w", err)
	}
	summaries := []Summary{}
	for _, part := range parts {
		last := len(summaries) - 1
		if last >= 0 && summaries[last].OrganisationID == part.OrganisationID {
			summaries[last].Lines = append(summaries[last].Lines, part.Lines...)
		} else {
			summaries = append(summaries, part)
		}
	}
	return summaries, nil
}

// scanSummary reads a row as a summary of one line.
func scanSummary(row pgx.CollectableRow) (Summary, error) {
	var part Summary
	var line SummaryLine
	var currency, amount string
	err := row.Scan(&part.OrganisationID, &part.Organisation, &line.Status, &currency, &line.Invoices, &amount)
	if err == nil {
		line.SubTotal, err = money.Parse(amount, currency)
	}
	part.Lines = []SummaryLine{line}
	return part, err // ReadSummaries wraps it
}
