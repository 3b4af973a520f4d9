package invoicing

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/contrail-events/contrail/eventstore"
)

// tally is what is compared, in words: the summaries' lines, what is owed for each invoice, and the statements' closing balances.
type tally map[string]string

func (t tally) summary(name string, key sumKey, sum sum) {
	t[fmt.Sprintf("invoice-summary of organisation %s, %s in %s", key.organisationID, key.status, key.currency)] = fmt.Sprintf("%q has %d of %s", name, sum.invoices, sum.amount)
}

func (t tally) owed(invoiceID string, amount Total, due string) {
	t["overdue: invoice "+invoiceID] = fmt.Sprintf("%s is due on %s", amount, due)
}

// balance tells what all movements add up to, and what the last line says.
func (t tally) balance(organisationID string, amount, last Total) {
	t[fmt.Sprintf("statement of organisation %s in %s", organisationID, amount.CurrencyCode())] = fmt.Sprintf("it is owed %s, and the last line tells %s", amount, last)
}

// read adds what the read models show.
func (t tally) read(ctx context.Context, db eventstore.Querier, tenant string) error {
	summaries, err := ReadSummaries(ctx, db, tenant)
	if err != nil {
		return err
	}
	for _, summary := range summaries {
		for _, line := range summary.Lines {
			key := sumKey{summary.OrganisationID, line.Status, line.SubTotal.CurrencyCode()}
			t.summary(summary.Organisation, key, sum{line.Invoices, line.SubTotal})
		}
	}
	if err := t.readOwed(ctx, db, tenant); err != nil {
		return fmt.Errorf("read what is owed: %w", err)
	}
	if err := t.readBalances(ctx, db, tenant); err != nil {
		return fmt.Errorf("read the balances: %w", err)
	}
	return nil
}

// owedSQL reads the tenant's rows through their partial index.
const owedSQL = `SELECT id, sub_total::text, currency_code, to_char(due_date, 'YYYY-MM-DD') FROM invoicing.overdue_invoices
WHERE tenant_id = $1 AND status = 'issued' AND deleted_at IS NULL AND body_version > 0`

func (t tally) readOwed(ctx context.Context, db eventstore.Querier, tenant string) error {
	var id, amount, currency, due string
	return scan{[]any{&id, &amount, &currency, &due}, func() error {
		total, err := parseTotal(amount, currency)
		t.owed(id, total, due)
		return err
	}}.rows(db.Query(ctx, owedSQL, tenant))
}

// balancesSQL reads the tenant's lines through their index.
const balancesSQL = `SELECT organisation_id, currency_code, sum(amount)::text, ((array_agg(balance ORDER BY position DESC))[1])::text
FROM invoicing.statement_lines WHERE tenant_id = $1 AND currency_code IS NOT NULL GROUP BY organisation_id, currency_code
HAVING sum(amount) <> 0 OR (array_agg(balance ORDER BY position DESC))[1] <> 0`

func (t tally) readBalances(ctx context.Context, db eventstore.Querier, tenant string) error {
	var id, currency, amount, last string
	return scan{[]any{&id, &currency, &amount, &last}, func() error {
		total, err := parseTotal(amount, currency)
		if err != nil {
			return err
		}
		balance, err := parseTotal(last, currency)
		t.balance(id, total, balance)
		return err
	}}.rows(db.Query(ctx, balancesSQL, tenant))
}

// differences are sentences, in the order of what they are about.
func (t tally) differences(shown tally) []string {
	all := maps.Clone(t)
	maps.Copy(all, shown)
	var found []string
	for _, what := range slices.Sorted(maps.Keys(all)) {
		if want, got := t[what], shown[what]; want != got {
			found = append(found, fmt.Sprintf("%s: the aggregates say %s, the read model says %s", what, orNothing(want), orNothing(got)))
		}
	}
	return found
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}
