package invoicing

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/eventstore"
)

// sumKey is one line of one summary.
type sumKey struct {
	organisationID string
	status         invoice.Status
	currency       string
}

type sum struct {
	invoices int64
	amount   Total
}

// folding adds the aggregates up.
type folding struct {
	pool   *pgxpool.Pool
	store  *eventstore.Store
	tenant string
	names  map[string]string // of the organisations
	sums   map[sumKey]sum
	tally  tally
}

// streamsSQL reads the whole table once: this is a check, not a query of every day.
const streamsSQL = `SELECT DISTINCT stream FROM contrail.events WHERE starts_with(stream, $1 || '-') AND metadata->>'tenant_id' = $2`

func (f *folding) streams(ctx context.Context, category string) ([]contrail.StreamID, error) {
	rows, _ := f.pool.Query(ctx, streamsSQL, category, f.tenant) // CollectRows returns its error
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
	total, err := parseTotal(state.SubTotal.Amount(), state.CurrencyCode)
	if err != nil {
		return err
	}
	so := f.sums[key]
	f.sums[key] = sum{so.invoices + 1, total.plus(so.amount)}
	if state.Status == invoice.StatusIssued {
		f.tally.owed(state.ID, total, state.DueDate.String())
	}
	return nil
}

// total completes the tally with the sums. What is owed is what is issued.
func (f *folding) total() tally {
	for key, sum := range f.sums {
		f.tally.summary(f.names[key.organisationID], key, sum)
		if key.status == invoice.StatusIssued && !sum.amount.IsZero() {
			f.tally.balance(key.organisationID, sum.amount, sum.amount)
		}
	}
	return f.tally
}
