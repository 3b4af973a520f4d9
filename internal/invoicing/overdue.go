package invoicing

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/domain/rule"
)

// OverdueFilter selects invoices that are overdue. The zero value is the first page of all of the tenant's, today.
type OverdueFilter struct {
	OrganisationID string       // "": of every organisation
	Day            invoice.Date // on which they are overdue: issued, neither paid, voided nor deleted so far, and due before it. Zero: today, in UTC
	After          string       // Overdue.Next of the page before
	Limit          int          // 1 to domain.MaxLimit; 0: domain.DefaultLimit
}

// Overdue is a page of invoices that are overdue, those first that are so for longest.
type Overdue struct {
	Day      invoice.Date     `json:"day"`
	Invoices []OverdueInvoice `json:"invoices"`      // none: empty, not nil
	Next     string           `json:"next,omitzero"` // OverdueFilter.After for the next page; "": there is none
}

// OverdueInvoice is an invoice that should have been paid.
type OverdueInvoice struct {
	ID             string       `json:"id"`
	OrganisationID string       `json:"organisation_id"`
	ContactID      string       `json:"contact_id"`
	SubTotal       money.Money  `json:"sub_total"`
	DueDate        invoice.Date `json:"due_date"`
	DaysOverdue    int          `json:"days_overdue"` // 1 on the day after DueDate
	IssuedAt       time.Time    `json:"issued_at"`
	FirstReminder  time.Time    `json:"first_reminder_at,omitzero"`  // zero: none yet
	SecondReminder time.Time    `json:"second_reminder_at,omitzero"` // zero: none yet
	MarkedAt       time.Time    `json:"marked_at,omitzero"`          // as one that no reminder helps with; zero: not yet
}

// Overdue returns a page of the invoices that are overdue on a day.
func (r *Reader) Overdue(ctx context.Context, tenant string, filter OverdueFilter, atLeast contrail.Position) (View[Overdue], error) {
	about := scope{r.config.Overdue, tenant, filter.OrganisationID}
	limit, limitFault := limitOf(filter.Limit)
	filter.Limit = limit
	var afterFault *rule.FieldError
	if filter.After != "" && rule.ID("after", filter.After) != nil {
		afterFault = rule.At("after", domain.ErrAfter)
	}
	if err := rule.Check(limitFault, afterFault); err != nil {
		return View[Overdue]{}, err
	}
	if err := about.check(); err != nil {
		return View[Overdue]{}, err
	}
	if filter.Day.IsZero() {
		filter.Day = invoice.DateOf(r.config.Clock())
	}
	if err := r.await(ctx, about.projection, atLeast); err != nil {
		return View[Overdue]{}, err
	}
	return r.readOverdue(ctx, about, filter)
}

// Each of the two walks its partial index from the invoice that the page before ended with: its row is still there, whatever became of it. It has one
// row at least.
const (
	overdueOfTenantSQL       = overdueSelect + overdueRows
	overdueOfOrganisationSQL = overdueSelect + ` AND organisation_id = $3` + overdueRows

	overdueSelect = `SELECT ` + positionSQL + `, $3 = '' OR ` + knownSQL + `,
	$5 = '' OR EXISTS (SELECT FROM invoicing.overdue_invoices WHERE id = $5 AND tenant_id = $2), coalesce(i.id, ''), coalesce(i.organisation_id, ''),
	coalesce(i.contact_id, ''), coalesce(i.currency_code, ''), coalesce(i.sub_total, 0)::text, coalesce(to_char(i.due_date, 'YYYY-MM-DD'), ''),
	coalesce($4::text::date - i.due_date, 0), i.issued_at, m.first_at, m.second_at, m.marked_at
FROM (SELECT) AS asked
LEFT JOIN LATERAL (SELECT * FROM invoicing.overdue_invoices
	WHERE tenant_id = $2 AND status = 'issued' AND deleted_at IS NULL AND due_date < $4::text::date
	AND (due_date, id) > (coalesce((SELECT due_date FROM invoicing.overdue_invoices WHERE id = $5 AND tenant_id = $2), '-infinity'), $5)`

	overdueRows = ` ORDER BY due_date, id LIMIT $6) AS i ON true
LEFT JOIN invoicing.reminders m ON m.invoice_id = i.id AND m.tenant_id = i.tenant_id
ORDER BY i.due_date, i.id`
)

// readOverdue asks for one more than the page has, to know whether there is another page.
func (r *Reader) readOverdue(ctx context.Context, about scope, filter OverdueFilter) (View[Overdue], error) {
	view := View[Overdue]{Value: Overdue{Day: filter.Day, Invoices: []OverdueInvoice{}}}
	known, afterKnown := false, false
	var i OverdueInvoice
	var currency, amount, due string
	sql := overdueOfTenantSQL
	if about.organisationID != "" {
		sql = overdueOfOrganisationSQL
	}
	err := scan{[]any{
		&view.Position, &known, &afterKnown, &i.ID, &i.OrganisationID, &i.ContactID, &currency, &amount, &due, &i.DaysOverdue, (*zeronull.Timestamptz)(&i.IssuedAt),
		(*zeronull.Timestamptz)(&i.FirstReminder), (*zeronull.Timestamptz)(&i.SecondReminder), (*zeronull.Timestamptz)(&i.MarkedAt),
	}, func() (err error) {
		if i.ID == "" { // the only row, of a page without invoices
			return nil
		}
		if i.SubTotal, err = money.Parse(amount, currency); err == nil {
			i.DueDate, err = invoice.ParseDate(due)
		}
		i.IssuedAt, i.FirstReminder, i.SecondReminder, i.MarkedAt = utc(i.IssuedAt), utc(i.FirstReminder), utc(i.SecondReminder), utc(i.MarkedAt)
		view.Value.Invoices = append(view.Value.Invoices, i)
		return err
	}}.rows(r.db.Query(ctx, sql, about.projection, about.tenant, about.organisationID, filter.Day.String(), filter.After, filter.Limit+1))
	switch {
	case err != nil:
		return View[Overdue]{}, fmt.Errorf("read what is overdue on %s: %w", filter.Day, err)
	case !known:
		return View[Overdue]{}, about.notFound()
	case !afterKnown:
		return View[Overdue]{}, rule.Check(rule.At("after", domain.ErrAfter))
	}
	if all := view.Value.Invoices; len(all) > filter.Limit {
		view.Value.Invoices, view.Value.Next = all[:filter.Limit], all[filter.Limit-1].ID
	}
	return view, nil
}
