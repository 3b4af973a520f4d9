package webhook

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// Reasons for which deliveries are cancelled with their endpoint.
const (
	ReasonDisabled deliveries.Reason = "endpoint_disabled"
	ReasonRemoved  deliveries.Reason = "endpoint_removed"
)

// Order is who wants something, and why, for others to see.
type Order struct {
	By      string // as in ada@ops
	Because string // may be empty
	Tenant  string // not empty: only if the endpoint is this tenant's
}

func (o Order) validate() error {
	if err := checkLine("By", o.By, false); err != nil {
		return err
	}
	return checkLine("Because", o.Because, false)
}

// cancelling is put behind a WITH that has a row of contrail.webhooks in it called closed: it cancels what is open in the endpoint's lane, by the index
// deliveries_lane, in its order, and waits for attempts that are just being begun or completed. What is under way is cancelled when it has not succeeded.
const cancelling = `, open AS MATERIALIZED (
		SELECT d.id FROM contrail.deliveries d JOIN closed w ON d.consumer = w.consumer AND d.lane = w.id::text
		WHERE d.lane <> '' AND d.channel = '` + Channel + `' AND d.state IN ('pending', 'dispatched', 'failed') ORDER BY d.number FOR NO KEY UPDATE OF d
	), cancelled AS (
		UPDATE contrail.deliveries d SET claimed_by = '', claimed_until = NULL, changed_at = clock_timestamp(), due_at = NULL,
			state = CASE d.state WHEN 'dispatched' THEN d.state ELSE 'cancelled' END,
			reason = CASE d.state WHEN 'dispatched' THEN d.reason ELSE $5 END,
			cancelling = CASE d.state WHEN 'dispatched' THEN $5 ELSE '' END
		FROM open WHERE d.id = open.id RETURNING d.id, d.state
	), logged AS (
		INSERT INTO contrail.delivery_log (delivery, what, by_whom, because)
		SELECT id, CASE state WHEN 'dispatched' THEN 'cancelling' ELSE state END, $3, $4 FROM cancelled
	) `

const (
	disableSQL = `WITH closed AS (
			UPDATE contrail.webhooks SET state = 'disabled', reason = $4, disabled_at = clock_timestamp(), changed_at = clock_timestamp(), changed_by = $3
			WHERE id = $1 AND ($2 = '' OR tenant = $2) AND state = 'enabled' RETURNING *
		)` + cancelling + `SELECT ` + columns + ` FROM closed`

	// It ends the tenure of a process that has not noticed that the endpoint was disabled, and has other health in mind.
	enableSQL = `UPDATE contrail.webhooks SET state = 'enabled', reason = '', disabled_at = NULL, failures = 0, failing_since = NULL, opened_at = NULL,
			probe_at = NULL, held_by = '', held_until = NULL, token = token + 1, changed_at = clock_timestamp(), changed_by = $3
		WHERE id = $1 AND ($2 = '' OR tenant = $2) AND state = 'disabled' RETURNING ` + columns

	removeSQL = `WITH closed AS (
			DELETE FROM contrail.webhooks WHERE id = $1 AND ($2 = '' OR tenant = $2) RETURNING *
		)` + cancelling + `SELECT ` + columns + ` FROM closed`
)

// Disable has nothing more posted to an endpoint until [Enable]: nothing is planned for it, what was is cancelled with [ReasonDisabled], and requests that are under
// way are the last. One that is disabled already stays as it is, and the result tells by whom and why it was. The error wraps [ErrNotFound].
func Disable(ctx context.Context, db Querier, id uuid.UUID, order Order) (Endpoint, error) {
	if err := order.validate(); err != nil {
		return Endpoint{}, fmt.Errorf("disable endpoint %s: %w", id, err)
	}
	endpoint, err := statement{"disable", disableSQL}.on(ctx, db, id, order.Tenant, order.By, order.Because, ReasonDisabled)
	if errors.Is(err, ErrNotFound) { // or disabled, maybe since the statement began
		return statement{"disable", getSQL}.on(ctx, db, id, order.Tenant)
	}
	return endpoint, err
}

// Enable has events posted to an endpoint again, from now on, with its circuit closed. What was cancelled when it was disabled stays so, until a
// person has it redriven. One that is enabled already stays as it is. The error wraps [ErrNotFound].
func Enable(ctx context.Context, db Querier, id uuid.UUID, order Order) (Endpoint, error) {
	if err := order.validate(); err != nil {
		return Endpoint{}, fmt.Errorf("enable endpoint %s: %w", id, err)
	}
	endpoint, err := statement{"enable", enableSQL}.on(ctx, db, id, order.Tenant, order.By)
	if errors.Is(err, ErrNotFound) { // or enabled
		return statement{"enable", getSQL}.on(ctx, db, id, order.Tenant)
	}
	return endpoint, err
}

// Remove deletes an endpoint and its secrets, and cancels what was to be posted to it with [ReasonRemoved]; its deliveries and their attempts stay in the
// ledger. It returns what it was. The error wraps [ErrNotFound].
func Remove(ctx context.Context, db Querier, id uuid.UUID, order Order) (Endpoint, error) {
	if err := order.validate(); err != nil {
		return Endpoint{}, fmt.Errorf("remove endpoint %s: %w", id, err)
	}
	return statement{"remove", removeSQL}.on(ctx, db, id, order.Tenant, order.By, order.Because, ReasonRemoved)
}
