package invoicing

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/eventstore"
)

// Summary is how an organisation's invoices stand. Deleted ones are not in it.
type Summary struct {
	OrganisationID string        `json:"organisation_id"`
	Organisation   string        `json:"organisation"`        // its name; "" as long as no event told it
	DeletedAt      time.Time     `json:"deleted_at,omitzero"` // zero while the organisation lives
	Lines          []SummaryLine `json:"lines"`               // by currency, and within it in the order of an invoice's life; none: empty, not nil
}

// SummaryLine is the invoices of one status in one currency. There is one at least.
type SummaryLine struct {
	Status   invoice.Status `json:"status"`
	Invoices int64          `json:"invoices"`
	SubTotal Total          `json:"sub_total"`
}

// Summary returns how the organisation's invoices stand. The error wraps [domain.ErrNotFound] when the tenant has no such organisation.
func (r *Reader) Summary(ctx context.Context, tenant, organisationID string, atLeast contrail.Position) (View[Summary], error) {
	about := scope{r.config.Summary, tenant, organisationID}
	if err := about.check(); err != nil {
		return View[Summary]{}, err
	}
	if err := r.await(ctx, about.projection, atLeast); err != nil {
		return View[Summary]{}, err
	}
	return r.readSummary(ctx, about)
}

// linesSQL is a summary's rows, in order.
const linesSQL = `coalesce(t.currency_code, ''), coalesce(t.status, ''), coalesce(t.invoices, 0), coalesce(t.amount, 0)::text`

// lineOrder is by currency, and within it in the order of an invoice's life.
const lineOrder = `t.currency_code, array_position(ARRAY['drafted', 'issued', 'paid', 'voided'], t.status)`

// summarySQL reads a handful of rows by the primary keys, and adds nothing up. It has one row at least.
const summarySQL = `SELECT ` + positionSQL + `, ` + knownSQL + `, coalesce(o.name, ''), o.deleted_at, ` + linesSQL + `
FROM (SELECT) AS asked
LEFT JOIN invoicing.summary_organisations o ON o.id = $3 AND o.tenant_id = $2
LEFT JOIN invoicing.summary_totals t ON t.tenant_id = $2 AND t.organisation_id = $3 AND t.invoices > 0
ORDER BY ` + lineOrder

func (r *Reader) readSummary(ctx context.Context, about scope) (View[Summary], error) {
	view := View[Summary]{Value: Summary{OrganisationID: about.organisationID, Lines: []SummaryLine{}}}
	known := false
	var line lineRow
	targets := append([]any{&view.Position, &known, &view.Value.Organisation, (*zeronull.Timestamptz)(&view.Value.DeletedAt)}, line.targets()...)
	err := scan{targets, func() error { return line.appendTo(&view.Value) }}.
		rows(r.db.Query(ctx, summarySQL, about.projection, about.tenant, about.organisationID))
	switch {
	case err != nil:
		return View[Summary]{}, fmt.Errorf("read the summary of organisation %s: %w", about.organisationID, err)
	case !known:
		return View[Summary]{}, about.notFound()
	}
	view.Value.DeletedAt = utc(view.Value.DeletedAt)
	return view, nil
}

// summariesSQL reads the tenant's counters through their primary key.
const summariesSQL = `SELECT t.organisation_id, coalesce(o.name, ''), o.deleted_at, ` + linesSQL + `
FROM invoicing.summary_totals t
LEFT JOIN invoicing.summary_organisations o ON o.id = t.organisation_id AND o.tenant_id = t.tenant_id
WHERE t.tenant_id = $1 AND t.invoices > 0 ORDER BY o.name, t.organisation_id, ` + lineOrder

// ReadSummaries returns the summary of each of a tenant's organisations that has an invoice, by name.
func ReadSummaries(ctx context.Context, db eventstore.Querier, tenant string) ([]Summary, error) {
	summaries := []Summary{}
	var next Summary
	var line lineRow
	targets := append([]any{&next.OrganisationID, &next.Organisation, (*zeronull.Timestamptz)(&next.DeletedAt)}, line.targets()...)
	err := scan{targets, func() error {
		last := len(summaries) - 1
		if last < 0 || summaries[last].OrganisationID != next.OrganisationID {
			summaries, last = append(summaries, next), last+1
			summaries[last].DeletedAt = utc(next.DeletedAt)
		}
		return line.appendTo(&summaries[last])
	}}.rows(db.Query(ctx, summariesSQL, tenant))
	if err != nil {
		return nil, fmt.Errorf("read the invoice summaries: %w", err)
	}
	return summaries, nil
}

// lineRow is the columns of linesSQL.
type lineRow struct {
	currencyCode, amount string
	status               invoice.Status
	invoices             int64
}

func (l *lineRow) targets() []any { return []any{&l.currencyCode, &l.status, &l.invoices, &l.amount} }

// appendTo leaves out the row of an organisation that has no line.
func (l *lineRow) appendTo(summary *Summary) error {
	if l.currencyCode == "" {
		return nil
	}
	total, err := parseTotal(l.amount, l.currencyCode)
	summary.Lines = append(summary.Lines, SummaryLine{l.status, l.invoices, total})
	return err
}

// utc is a time as the API shows it; zero stays zero.
func utc(at time.Time) time.Time {
	if at.IsZero() {
		return time.Time{}
	}
	return at.UTC()
}
