package deliveries

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// claimTime is how long a process keeps for itself what it has claimed and not begun. It is a courtesy: who begins first, has it.
const claimTime = 10 * time.Second

// dueColumns are what scanDue reads, of a delivery d and its event e.
const dueColumns = `d.id, d.number, d.state, d.reason, d.due_at, d.channel, d.recipient, d.lane, d.tenant, d.round, d.planned_at, d.duplicate_risk,
  d.attempts, d.forgiven, e.id, e.position, e.sequence, e.stream, e.type, e.body IS NULL`

const (
	// It locks what it claims, skips what others have locked, and relies on deliveries_due. now() is the statement's: it runs in a transaction of its own.
	claimSQL = `UPDATE contrail.deliveries AS d SET claimed_by = $2, claimed_until = now() + $3::interval
FROM (
  SELECT id FROM contrail.deliveries
  WHERE consumer = $1 AND lane = '' AND due_at <= now() AND (claimed_until IS NULL OR claimed_until <= now()) AND ($4 OR channel = ANY ($5))
  ORDER BY due_at, id LIMIT $6 FOR NO KEY UPDATE SKIP LOCKED
) AS due, contrail.delivery_events AS e
WHERE d.id = due.id AND (e.consumer, e.id) = (d.consumer, d.event)
RETURNING ` + dueColumns

	// It relies on the primary key.
	giveBackSQL = `UPDATE contrail.deliveries SET claimed_by = '', claimed_until = NULL
WHERE id = ANY ($1) AND claimed_by = $2 AND state IN ('pending', 'failed')`
)

// claim returns up to most deliveries that are due and now this process's to begin, those that are due for longest first.
func (l *Ledger) claim(ctx context.Context, most int) ([]Due, error) {
	_, fallback := l.config.Adapters[""]
	channels := make([]string, 0, len(l.config.Adapters))
	for channel := range l.config.Adapters {
		channels = append(channels, channel)
	}
	rows, err := l.db.Query(ctx, claimSQL, l.config.Consumer, l.process, claimTime, fallback, channels, most)
	if err != nil {
		return nil, fmt.Errorf("claim deliveries of %s: %w", l.config.Consumer, explain(err))
	}
	claimed, err := pgx.CollectRows(rows, l.scanDue)
	if err != nil {
		return nil, fmt.Errorf("claim deliveries of %s: %w", l.config.Consumer, explain(err))
	}
	slices.SortFunc(claimed, func(a, b Due) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Number, b.Number)) })
	return claimed, nil
}

// giveBack lets other processes have at once what this one has claimed and will not begin.
func (l *Ledger) giveBack(ctx context.Context, claimed []Due) error {
	if len(claimed) == 0 {
		return nil
	}
	ids := make([]uuid.UUID, len(claimed))
	for i, d := range claimed {
		ids[i] = d.Delivery.ID
	}
	if _, err := l.db.Exec(ctx, giveBackSQL, ids, l.process); err != nil {
		return fmt.Errorf("give back %d claimed deliveries of %s, which others may begin %v after they were claimed: %w",
			len(claimed), l.config.Consumer, claimTime, err)
	}
	return nil
}

// scanDue reads dueColumns.
func (l *Ledger) scanDue(row pgx.CollectableRow) (Due, error) {
	var (
		due                 Due
		at                  *time.Time
		attempts, forgiven  int
		sequence            int64
		d                   = &due.Delivery
		stream, state, why  string
		position            int64
		channel, to, tenant string
	)
	err := row.Scan(&d.ID, &due.Number, &state, &why, &at, &channel, &to, &d.Lane, &tenant, &d.Round, &d.PlannedAt,
		&d.DuplicateRisk, &attempts, &forgiven, &due.EventID, &position, &sequence, &stream, &due.Type, &due.sealed)
	if err != nil {
		return Due{}, err //nolint:wrapcheck // the callers do
	}
	due.State, due.Reason, due.Stream, due.Counted = State(state), Reason(why), stream, attempts-forgiven
	due.position, due.sequence = contrail.Position(position), uint64(sequence) //nolint:gosec // it is one
	if at != nil {
		due.At = *at
	}
	d.Consumer, d.Channel, d.Recipient, d.Tenant, d.Attempt = l.config.Consumer, channel, to, tenant, attempts+1
	return due, nil
}
