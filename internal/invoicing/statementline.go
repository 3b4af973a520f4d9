package invoicing

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/rule"
)

// StatementPage selects lines of a statement. The zero value is the first page.
type StatementPage struct {
	After contrail.Position // Statement.Next of the page before; 0: from the beginning
	Limit int               // 1 to domain.MaxLimit; 0: domain.DefaultLimit
}

// Statement is a page of what an organisation was owed, in global order.
type Statement struct {
	OrganisationID string            `json:"organisation_id"`
	Lines          []StatementLine   `json:"lines"`         // none: empty, not nil
	Next           contrail.Position `json:"next,omitzero"` // StatementPage.After for the next page; 0: there is none
}

// StatementLine is one movement on what an organisation is owed.
type StatementLine struct {
	Position  contrail.Position `json:"position"` // the global order
	MovedAt   time.Time         `json:"moved_at"`
	InvoiceID string            `json:"invoice_id"`
	Movement  string            `json:"movement"` // issued, paid, voided, deleted
	Amount    Total             `json:"amount"`   // what it adds; negative: takes away; nothing where nothing was owed
	Balance   Total             `json:"balance"`  // what is owed in this currency after it
}

// Statement returns a page of an organisation's statement.
func (r *Reader) Statement(
	ctx context.Context, tenant, organisationID string, page StatementPage, atLeast contrail.Position,
) (View[Statement], error) {
	about := scope{r.config.Statement, tenant, organisationID}
	limit, limitFault := limitOf(page.Limit)
	page.Limit = limit
	var afterFault *rule.FieldError
	if page.After < 0 {
		afterFault = rule.At("after", domain.ErrAfter)
	}
	if err := rule.Check(limitFault, afterFault); err != nil {
		return View[Statement]{}, err
	}
	if err := about.check(); err != nil {
		return View[Statement]{}, err
	}
	if err := r.await(ctx, about.projection, atLeast); err != nil {
		return View[Statement]{}, err
	}
	return r.readStatement(ctx, about, page)
}

// statementSQL walks the index on (tenant_id, organisation_id, position). It has one row at least.
const statementSQL = `SELECT ` + positionSQL + `, ` + knownSQL + `, coalesce(l.position, 0), l.moved_at, coalesce(l.invoice_id, ''),
	coalesce(l.movement, ''), coalesce(l.currency_code, ''), coalesce(l.amount, 0)::text, coalesce(l.balance, 0)::text
FROM (SELECT) AS asked
LEFT JOIN LATERAL (SELECT * FROM invoicing.statement_lines
	WHERE tenant_id = $2 AND organisation_id = $3 AND position > $4 AND currency_code IS NOT NULL ORDER BY position LIMIT $5) l ON true
ORDER BY l.position`

// readStatement asks for one line more than the page has, to know whether there is another page.
func (r *Reader) readStatement(ctx context.Context, about scope, page StatementPage) (View[Statement], error) {
	view := View[Statement]{Value: Statement{OrganisationID: about.organisationID, Lines: []StatementLine{}}}
	known := false
	var line StatementLine
	var currency, amount, balance string
	err := scan{[]any{
		&view.Position, &known, &line.Position, (*zeronull.Timestamptz)(&line.MovedAt), &line.InvoiceID, &line.Movement, &currency, &amount, &balance,
	}, func() (err error) {
		if line.Position == 0 { // the only row, of a page without lines
			return nil
		}
		if line.Amount, err = parseTotal(amount, currency); err == nil {
			line.Balance, err = parseTotal(balance, currency)
		}
		line.MovedAt = line.MovedAt.UTC()
		view.Value.Lines = append(view.Value.Lines, line)
		return err
	}}.rows(r.db.Query(ctx, statementSQL, about.projection, about.tenant, about.organisationID, page.After, page.Limit+1))
	switch {
	case err != nil:
		return View[Statement]{}, fmt.Errorf("read the statement of organisation %s: %w", about.organisationID, err)
	case !known:
		return View[Statement]{}, about.notFound()
	}
	if all := view.Value.Lines; len(all) > page.Limit {
		view.Value.Lines, view.Value.Next = all[:page.Limit], all[page.Limit-1].Position
	}
	return view, nil
}
