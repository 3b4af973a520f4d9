package invoicing

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/eventstore"
)

// Comparison says whether the read models are what the aggregates say.
type Comparison struct {
	Organisations int      `json:"organisations"` // aggregates that were folded
	Invoices      int      `json:"invoices"`      // likewise, deleted ones too
	Differences   []string `json:"differences"`   // a sentence each; none: they are equal
	OK            bool     `json:"ok"`
}

// tally is what is compared: the summaries' lines and the statements' closing balances.
type tally map[string]string

// Compare folds every organisation and invoice of the tenant through the domain, one after another, and compares the outcome with the summaries
// and with the closing balances of the statements. Both sides are read while others may write, so it means something once everything that
// was appended is handled. The read models must be in the event store's own database.
func Compare(ctx context.Context, pool *pgxpool.Pool, tenant string) (Comparison, error) {
	transactor, err := NewTransactor(pool)
	if err != nil {
		return Comparison{}, err
	}
	f := folding{pool: pool, store: transactor.store, tenant: tenant, names: map[string]string{}, sums: map[sumKey]sum{}}
	comparison := Comparison{Differences: []string{}}
	if comparison.Organisations, err = f.organisations(ctx); err != nil {
		return Comparison{}, fmt.Errorf("fold the organisations: %w", err)
	}
	if comparison.Invoices, err = f.invoices(ctx); err != nil {
		return Comparison{}, fmt.Errorf("fold the invoices: %w", err)
	}
	shown, err := readTally(ctx, pool, tenant)
	if err != nil {
		return Comparison{}, err
	}
	comparison.Differences = append(comparison.Differences, f.tally().differences(shown)...)
	comparison.OK = len(comparison.Differences) == 0
	return comparison, nil
}

// sumKey is one line of one summary.
type sumKey struct {
	organisationID string
	status         invoice.Status
	currency       string
}

type sum struct {
	invoices int64
	amount   money.Money
}

// folding adds the aggregates up.
type folding struct {
	pool   *pgxpool.Pool
	store  *eventstore.Store
	tenant string
	names  map[string]string // of the organisations
	sums   map[sumKey]sum
}

// streamsSQL reads the whole table once: this is a check, not a query of every day.
const streamsSQL = `SELECT DISTINCT stream FROM contrail.events WHERE starts_with(stream, $1 || '-') AND metadata->>'tenant_id' = $2`

func (f *folding) streams(ctx context.Context, category string) ([]contrail.StreamID, error) {
	rows, err := f.pool.Query(ctx, streamsSQL, category, f.tenant)
	if err != nil {
		return nil, fmt.Errorf("list the streams: %w", err)
	}
	streams, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (stream contrail.StreamID, err error) {
		var text string
		if err = row.Scan(&text); err == nil {
			stream, err = contrail.ParseStreamID(text)
		}
		return stream, err
	})
	if err != nil {
		return nil, fmt.Errorf("list the streams: %w", err)
	}
	return streams, nil
}

// fold is one aggregate as its stream makes it.
func fold[S, C any, E contrail.Payload](
	ctx context.Context, f *folding, decider domain.Decider[S, C, E], stream contrail.StreamID,
) (aggregate domain.Aggregate[S], err error) {
	for recorded, err := range f.store.Load(ctx, f.pool, stream, 1) {
		if err == nil {
			aggregate, err = decider.Apply(aggregate, recorded)
		}
		if err != nil {
			return aggregate, err
		}
	}
	return aggregate, nil
}

func (f *folding) organisations(ctx context.Context) (int, error) {
	streams, err := f.streams(ctx, organisation.Category)
	if err != nil {
		return 0, err
	}
	decider := domain.Organisations()
	for _, stream := range streams {
		folded, err := fold(ctx, f, decider, stream)
		if err != nil {
			return 0, err
		}
		f.names[stream.ID()] = folded.State.Name
	}
	return len(streams), nil
}

func (f *folding) invoices(ctx context.Context) (int, error) {
	streams, err := f.streams(ctx, invoice.Category)
	if err != nil {
		return 0, err
	}
	decider := domain.Invoices()
	for _, stream := range streams {
		folded, err := fold(ctx, f, decider, stream)
		if err == nil && folded.State.CheckLive() == nil {
			err = f.add(folded.State)
		}
		if err != nil {
			return 0, err
		}
	}
	return len(streams), nil
}

func (f *folding) add(state invoice.State) error {
	key := sumKey{state.OrganisationID, state.Status, state.CurrencyCode}
	so, known := f.sums[key]
	if !known {
		so.amount, _ = money.Zero(state.CurrencyCode) // a currency that is unknown does not add up below
	}
	amount, err := so.amount.Add(state.SubTotal)
	f.sums[key] = sum{so.invoices + 1, amount}
	return err
}

// tally writes the sums in the words that readTally uses. What is owed is what is issued.
func (f *folding) tally() tally {
	all := tally{}
	for key, sum := range f.sums {
		all.summary(f.names[key.organisationID], key, sum)
		if key.status == invoice.StatusIssued && !sum.amount.IsZero() {
			all.balance(key.organisationID, sum.amount)
		}
	}
	return all
}

func (t tally) summary(name string, key sumKey, sum sum) {
	t[fmt.Sprintf("invoice-summary of organisation %s, %s in %s", key.organisationID, key.status, key.currency)] = fmt.Sprintf("%q has %d of %s", name, sum.invoices, sum.amount)
}

func (t tally) balance(organisationID string, amount money.Money) {
	t[fmt.Sprintf("statement of organisation %s in %s", organisationID, amount.CurrencyCode())] = "it is owed " + amount.String()
}

// balancesSQL reads the tenant's lines through their index.
const balancesSQL = `SELECT organisation_id, currency_code, sum(amount)::text FROM invoicing.statement_lines
WHERE tenant_id = $1 GROUP BY organisation_id, currency_code HAVING sum(amount) <> 0`

// readTally is what the read models show.
func readTally(ctx context.Context, pool *pgxpool.Pool, tenant string) (tally, error) {
	shown := tally{}
	summaries, err := ReadSummaries(ctx, pool, tenant)
	if err != nil {
		return nil, err
	}
	for _, summary := range summaries {
		for _, line := range summary.Lines {
			key := sumKey{summary.OrganisationID, line.Status, line.SubTotal.CurrencyCode()}
			shown.summary(summary.Organisation, key, sum{line.Invoices, line.SubTotal})
		}
	}
	rows, err := pool.Query(ctx, balancesSQL, tenant)
	if err != nil {
		return nil, fmt.Errorf("read the balances: %w", err)
	}
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (none struct{}, err error) {
		var id, currency, amount string
		var balance money.Money
		if err = row.Scan(&id, &currency, &amount); err == nil {
			balance, err = money.Parse(amount, currency)
			shown.balance(id, balance)
		}
		return none, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the balances: %w", err)
	}
	return shown, nil
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
