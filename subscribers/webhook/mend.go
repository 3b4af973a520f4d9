package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

const mendInterval = 5 * time.Second

// sweepSQL cancels what was planned for an endpoint while that was being disabled or removed. It locks only what it cancels.
const sweepSQL = openLanes + `, closed AS (
		SELECT lane, CASE WHEN w.id IS NULL THEN '` + string(ReasonRemoved) + `' ELSE '` + string(ReasonDisabled) + `' END AS reason
		FROM lanes LEFT JOIN contrail.webhooks w ON w.id::text = lane AND w.consumer = $1 WHERE lane IS NOT NULL AND (w.id IS NULL OR w.state = 'disabled')
	), open AS MATERIALIZED (
		SELECT d.id, closed.reason FROM contrail.deliveries d JOIN closed USING (lane)
		WHERE d.consumer = $1 AND d.lane <> '' AND d.channel = '` + Channel + `' AND d.state IN ('pending', 'failed') ORDER BY d.number FOR NO KEY UPDATE OF d SKIP LOCKED
	), cancelled AS (
		UPDATE contrail.deliveries d SET state = 'cancelled', reason = open.reason, due_at = NULL, claimed_by = '', claimed_until = NULL, changed_at = clock_timestamp()
		FROM open WHERE d.id = open.id RETURNING d.id, d.reason
	) INSERT INTO contrail.delivery_log (delivery, what, by_whom, because) SELECT id, 'cancelled', $2, reason FROM cancelled`

// mend puts right, every few seconds until ctx ends, what processes have left behind that died.
func (s *sender) mend(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if err := s.mendOnce(ctx); err != nil {
			s.complain(ctx, err)
		}
		timer.Reset(mendInterval)
	}
}

func (s *sender) mendOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bulkTime)
	defer cancel()
	if _, err := s.ledger.Recover(ctx); err != nil {
		return fmt.Errorf("recover deliveries: %w", err)
	}
	tag, err := s.pool.Exec(ctx, sweepSQL, s.consumer, s.process)
	if err != nil {
		return fmt.Errorf("cancel deliveries of endpoints that are disabled: %w", err)
	}
	if n := tag.RowsAffected(); n > 0 {
		s.log.InfoContext(ctx, "cancelled what was planned for endpoints that are disabled or removed", slog.Int64("deliveries", n))
	}
	return nil
}
