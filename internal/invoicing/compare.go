package invoicing

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/eventstore"
)

// Comparison says whether the read models are what the aggregates say.
type Comparison struct {
	Organisations int      `json:"organisations"` // aggregates that were folded
	Invoices      int      `json:"invoices"`      // likewise, deleted ones too
	Differences   []string `json:"differences"`   // a sentence each; none: they are equal
	OK            bool     `json:"ok"`
}

// Compare folds every organisation and invoice of the tenant through the domain, one after another, and compares the outcome with the summaries,
// with what the list of overdue invoices has as owed, and with the closing balances of the statements. Both sides are read while others may write, so
// it means something once everything that was appended is projected. The read models must be in the event store's own database.
func Compare(ctx context.Context, pool *pgxpool.Pool, tenant string) (Comparison, error) {
	store, err := eventstore.New(eventstore.Config{})
	if err != nil {
		return Comparison{}, err
	}
	f := folding{pool: pool, store: store, tenant: tenant, names: map[string]string{}, sums: map[sumKey]sum{}, tally: tally{}}
	comparison := Comparison{Differences: []string{}}
	if comparison.Organisations, err = f.organisations(ctx); err != nil {
		return Comparison{}, fmt.Errorf("fold the organisations: %w", err)
	}
	if comparison.Invoices, err = f.invoices(ctx); err != nil {
		return Comparison{}, fmt.Errorf("fold the invoices: %w", err)
	}
	shown := tally{}
	if err := shown.read(ctx, pool, tenant); err != nil {
		return Comparison{}, err
	}
	comparison.Differences = append(comparison.Differences, f.total().differences(shown)...)
	comparison.OK = len(comparison.Differences) == 0
	return comparison, nil
}
