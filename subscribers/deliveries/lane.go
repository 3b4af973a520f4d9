package deliveries

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Next returns deliveries of a lane that have not ended, due or not, in the order in which they were planned, at most limit, with a Number above after.
// Those of one stream of events are in the order of the events, if these were handled in order. It keeps nobody else from them: who attempts
// deliveries of a lane sees to it that it is the one.
func (l *Ledger) Next(ctx context.Context, lane string, after int64, limit int) ([]Due, error) {
	if lane == "" || limit <= 0 {
		return nil, fmt.Errorf("next deliveries of lane %q of %s: a lane and a limit above zero are needed, not %d", lane, l.config.Consumer, limit)
	}
	rows, err := l.db.Query(ctx, nextSQL, l.config.Consumer, lane, after, limit)
	if err != nil {
		return nil, fmt.Errorf("next deliveries of lane %s of %s: %w", lane, l.config.Consumer, explain(err))
	}
	next, err := pgx.CollectRows(rows, l.scanDue)
	if err != nil {
		return nil, fmt.Errorf("next deliveries of lane %s of %s: %w", lane, l.config.Consumer, explain(err))
	}
	return next, nil
}

// CancelLane cancels what is pending or has failed in a lane, in the caller's transaction, and returns how many. A delivery with an attempt under way counts as well: it
// is cancelled when that has not succeeded.
func (l *Ledger) CancelLane(ctx context.Context, tx pgx.Tx, lane string, reason Reason) (int64, error) {
	if lane == "" {
		return 0, errors.New("cancel the deliveries of a lane: the lane is empty")
	}
	reason = reasonOf(string(reason), string(ReasonLaneCanceled))
	var cancelled int64
	if err := tx.QueryRow(ctx, cancelLaneSQL, l.config.Consumer, lane, string(reason), l.process).Scan(&cancelled); err != nil {
		return 0, fmt.Errorf("cancel the deliveries of lane %s of %s: %w", lane, l.config.Consumer, explain(err))
	}
	return cancelled, nil
}

// Both rely on deliveries_lane. The second locks the deliveries in their order, so that two of them don't deadlock.
const (
	nextSQL = `SELECT ` + dueColumns + ` FROM contrail.deliveries AS d JOIN contrail.delivery_events AS e ON (e.consumer, e.id) = (d.consumer, d.event)
WHERE d.consumer = $1 AND d.lane = $2 AND d.lane <> '' AND d.state IN ('pending', 'dispatched', 'failed') AND d.number > $3
ORDER BY d.number LIMIT $4`

	cancelLaneSQL = `WITH open AS (
  SELECT id, state FROM contrail.deliveries
  WHERE consumer = $1 AND lane = $2 AND lane <> '' AND state IN ('pending', 'dispatched', 'failed') ORDER BY number FOR NO KEY UPDATE
), changed AS (
  UPDATE contrail.deliveries AS d SET changed_at = clock_timestamp(), claimed_by = '', claimed_until = NULL,
    state = CASE d.state WHEN 'dispatched' THEN d.state ELSE 'cancelled' END, due_at = NULL,
    reason = CASE d.state WHEN 'dispatched' THEN d.reason ELSE $3 END, cancelling = CASE d.state WHEN 'dispatched' THEN $3 ELSE '' END
  FROM open WHERE d.id = open.id RETURNING d.id, d.state
), noted AS (
  INSERT INTO contrail.delivery_log (delivery, what, by_whom, because) SELECT id, 'cancelled', $4, $3 FROM changed WHERE state = 'cancelled'
) SELECT count(*) FROM changed`
)
