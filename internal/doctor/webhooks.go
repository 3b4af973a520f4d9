package doctor

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// The table has a row an endpoint.
const webhooksSQL = `SELECT id::text, url, state = 'disabled', reason, coalesce(failures, 0), last_error FROM contrail.webhooks
	WHERE state = 'disabled' OR opened_at IS NOT NULL ORDER BY id LIMIT 100`

// badEndpoint gets nothing, or next to nothing.
type badEndpoint struct {
	ID, URL  string
	Disabled bool
	Reason   string
	Failures int64
	Error    string
}

func checkWebhooks(ctx context.Context, d *Doctor) ([]Finding, error) {
	rows, err := d.pool.Query(ctx, webhooksSQL)
	if err != nil {
		return nil, fmt.Errorf("look at webhooks: %w", err)
	}
	bad, err := pgx.CollectRows(rows, pgx.RowToStructByPos[badEndpoint])
	if err != nil {
		return nil, fmt.Errorf("look at webhooks: %w", err)
	}
	var found []Finding
	for _, one := range bad {
		with := values{"endpoint": one.ID, "url": one.URL, "failures": one.Failures, "last_error": one.Error}
		if one.Disabled {
			found = append(found, Finding{
				Severity: Warning, What: fmt.Sprintf("endpoint %s (%s) is disabled: %s", one.ID, one.URL, orNone(one.Reason)), Why: "it gets no events, and what was to be posted is cancelled",
				Do: "contrail webhooks enable " + one.ID + ", or remove", Values: with,
			})
			continue
		}
		found = append(found, Finding{
			Severity: Warning, What: fmt.Sprintf("endpoint %s (%s) has failed %d times in a row", one.ID, one.URL, one.Failures), Why: "its events wait, and it is only probed; in the end it is disabled",
			Do: "tell its owner; contrail webhooks show " + one.ID, Values: with,
		})
	}
	return orGood(found, nil, "no endpoint is disabled or fails"), nil
}
