package deliveries

import (
	"context"
	"fmt"
	"time"
)

// Cap suppresses what would be more than most deliveries to one recipient by one channel of the ledger's consumer within a time, as
// delivery_cap_reached. When a delivery is planned those count that were planned within the time and not given up; when it is to be sent, those that were begun or
// sent. It is exact at Sending: deliveries to one recipient are begun one after another. It panics unless both are above zero.
func Cap(most int, within time.Duration) Rule {
	if most <= 0 || within <= 0 {
		panic(fmt.Sprintf("deliveries.Cap: a number and a time above zero are needed, not %d and %v", most, within))
	}
	return func(ctx context.Context, c RuleContext) (Verdict, error) {
		statement, d := capPlannedSQL, c.Delivery
		if c.Checkpoint == Sending {
			statement = capBegunSQL
			if _, err := c.DB.Exec(ctx, capLockSQL, d.Consumer, d.Channel, d.Recipient); err != nil {
				return Verdict{}, fmt.Errorf("wait for other deliveries to the recipient: %w", err)
			}
		}
		var count int
		if err := c.DB.QueryRow(ctx, statement, d.Consumer, d.Channel, d.Recipient, within, d.ID).Scan(&count); err != nil {
			return Verdict{}, fmt.Errorf("count deliveries to the recipient: %w", err)
		}
		if count < most {
			return Send(), nil
		}
		return Suppress(ReasonCap), nil
	}
}

const (
	// The lock lasts until the transaction that begins the attempt has ended, which is soon. When deliveries are planned there is none: a
	// transaction that plans may be long, and lock many recipients in whatever order.
	capLockSQL = `SELECT pg_advisory_xact_lock(1129270882, hashtext($1 || chr(1) || $2 || chr(1) || $3))`

	// Both rely on deliveries_recipient.
	capPlannedSQL = `SELECT count(*) FROM contrail.deliveries WHERE consumer = $1 AND channel = $2 AND recipient = $3
  AND planned_at > now() - $4::interval AND id <> $5 AND state NOT IN ('suppressed', 'cancelled')`
	capBegunSQL = `SELECT count(*) FROM contrail.deliveries WHERE consumer = $1 AND channel = $2 AND recipient = $3
  AND changed_at > now() - $4::interval AND id <> $5 AND (state IN ('dispatched', 'succeeded') OR state = 'failed' AND duplicate_risk)`
)
