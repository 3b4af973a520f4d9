package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// enabledSQL reads without locks, by the index webhooks_consumer. What is planned for an endpoint that is disabled or removed at the same moment [Hooks.Run] cancels.
const enabledSQL = `SELECT id, tenant, categories, types FROM contrail.webhooks WHERE consumer = $1 AND state = 'enabled' ORDER BY id`

// plan writes into the ledger what is to be posted of an event, in the transaction of its row in the inbox.
func (h *Hooks) plan(ctx context.Context, tx pgx.Tx, e contrail.Delivered[json.RawMessage]) error {
	endpoints, err := h.readings.of(tx, func() ([]Endpoint, error) { return h.enabled(ctx, tx) })
	if err != nil {
		return err
	}
	var targets []deliveries.Target
	for _, endpoint := range endpoints {
		if endpoint.wants(e.Recorded) {
			id := endpoint.ID.String()
			targets = append(targets, deliveries.Target{Channel: Channel, Recipient: id, Lane: id})
		}
	}
	if len(targets) == 0 {
		return contrail.Skip("no endpoint wants it")
	}
	if err := h.ledger.Plan(ctx, tx, deliveries.From(e), targets...); err != nil {
		return err
	}
	select {
	case h.nudges <- struct{}{}:
	default:
	}
	return nil
}

func (h *Hooks) enabled(ctx context.Context, tx pgx.Tx) ([]Endpoint, error) {
	rows, err := tx.Query(ctx, enabledSQL, h.config.Subscription.Durable)
	if err != nil {
		return nil, fmt.Errorf("read the endpoints: %w", err)
	}
	endpoints, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Endpoint, err error) {
		err = row.Scan(&e.ID, &e.Tenant, &e.Categories, &e.Types)
		return e, err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return nil, fmt.Errorf("read the endpoints: %w", err)
	}
	return endpoints, nil
}

// readings remembers which endpoints were read in the transactions that are open: many events share one. Since a subscription has all its
// events in hand before it begins their transaction, an endpoint that was added before one of them was appended is among those that are read in it.
type readings struct {
	mu     sync.Mutex
	byTx   map[pgx.Tx][]Endpoint
	recent []pgx.Tx // the oldest first; they are kept, so that no later one has the same address
}

const keptReadings = 16

func newReadings() *readings { return &readings{byTx: map[pgx.Tx][]Endpoint{}} }

func (r *readings) of(tx pgx.Tx, read func() ([]Endpoint, error)) ([]Endpoint, error) {
	r.mu.Lock()
	known, found := r.byTx[tx]
	r.mu.Unlock()
	if found {
		return known, nil
	}
	endpoints, err := read()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byTx[tx] = endpoints
	if r.recent = append(r.recent, tx); len(r.recent) > keptReadings {
		delete(r.byTx, r.recent[0])
		r.recent = r.recent[1:]
	}
	return endpoints, nil
}
