package picture

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// How far deliveries and runs are counted: those that go on, and those that have ended, of which there are ever more.
const (
	countedOpen  = 10_000
	countedEnded = 1_000
)

const (
	// Consumer after consumer and state after state by the index deliveries_list (consumer, state, id), each up to a bound. What is held shows in the row.
	ledgersSQL = `WITH RECURSIVE consumers AS (
			(SELECT consumer FROM contrail.deliveries ORDER BY consumer LIMIT 1)
			UNION ALL
			SELECT (SELECT d.consumer FROM contrail.deliveries d WHERE d.consumer > c.consumer ORDER BY d.consumer LIMIT 1) FROM consumers c WHERE c.consumer IS NOT NULL
		)
		SELECT c.consumer, s.state, n.counted, n.held, n.exhausted FROM consumers c
		CROSS JOIN unnest($1::text[], $2::bigint[]) AS s (state, most)
		CROSS JOIN LATERAL (
			SELECT count(*) AS counted, count(*) FILTER (WHERE s.state = 'failed' AND due_at IS NULL) AS held,
				count(*) FILTER (WHERE s.state = 'cancelled' AND reason IN ('retries_exhausted', 'permanent_failure', 'bounced')
					AND changed_at > clock_timestamp() - interval '1 day') AS exhausted
			FROM (SELECT due_at, reason, changed_at FROM contrail.deliveries d WHERE d.consumer = c.consumer AND d.state = s.state ORDER BY d.id DESC LIMIT s.most + 1) few
		) n WHERE c.consumer IS NOT NULL ORDER BY 1`

	// By the index delivery_attempts_open, and each delivery by its primary key.
	stuckSQL = `SELECT d.consumer, count(*) FROM (
			SELECT delivery FROM contrail.delivery_attempts WHERE outcome = 'started' AND lease_until < clock_timestamp() - interval '1 minute' LIMIT $1
		) a JOIN contrail.deliveries d ON d.id = a.delivery GROUP BY 1`
)

func (r *Reader) readDeliveries(ctx context.Context, to *Picture) (err error) {
	to.Deliveries, err = r.deliveries.get(ctx, r.config.Limits.Recount, r.countDeliveries)
	return err
}

// bounds are how far each state is counted, as arguments of a statement.
func bounds[S ~string](states []S, ended func(S) bool) (names []string, most []int64) {
	for _, state := range states {
		names = append(names, string(state))
		if ended(state) {
			most = append(most, countedEnded)
		} else {
			most = append(most, countedOpen)
		}
	}
	return names, most
}

// mostOf is the bound of a state.
func mostOf(ended bool) int64 {
	if ended {
		return countedEnded
	}
	return countedOpen
}

func (r *Reader) countDeliveries(ctx context.Context) ([]Ledger, error) {
	states, most := bounds(deliveries.States(), deliveries.State.Ended)
	rows, _ := r.pool.Query(ctx, ledgersSQL, states, most) //nolint:rowserrcheck // ForEachRow does, and tells of Query's error, too
	ledgers := []Ledger{}
	var consumer string
	var state deliveries.State
	var counted, held, exhausted int64
	if _, err := pgx.ForEachRow(rows, []any{&consumer, &state, &counted, &held, &exhausted}, func() error {
		if len(ledgers) == 0 || ledgers[len(ledgers)-1].Consumer != consumer {
			ledgers = append(ledgers, Ledger{Consumer: consumer, States: map[deliveries.State]Count{}})
		}
		ledger, bound := &ledgers[len(ledgers)-1], mostOf(state.Ended())
		ledger.States[state] = countOf(counted, bound)
		more := counted > bound
		ledger.Held = ledger.Held.plus(Count{held, state == deliveries.Failed && more})
		ledger.Exhausted = ledger.Exhausted.plus(Count{exhausted, exhausted > 0 && exhausted >= bound})
		return nil
	}); err != nil {
		return nil, fmt.Errorf("count deliveries: %w", err)
	}
	return ledgers, r.countStuck(ctx, ledgers)
}

func (r *Reader) countStuck(ctx context.Context, ledgers []Ledger) error {
	rows, _ := r.pool.Query(ctx, stuckSQL, countedOpen) //nolint:rowserrcheck // likewise
	var consumer string
	var stuck, all int64
	found := map[string]int64{}
	if _, err := pgx.ForEachRow(rows, []any{&consumer, &stuck}, func() error {
		found[consumer] = stuck
		all += stuck
		return nil
	}); err != nil {
		return fmt.Errorf("count attempts that nobody completes: %w", err)
	}
	for i := range ledgers {
		ledgers[i].Stuck = Count{found[ledgers[i].Consumer], all >= countedOpen}
	}
	return nil
}
