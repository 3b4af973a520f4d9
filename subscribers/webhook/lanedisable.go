package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// giveUpSQL is disableSQL for the process that holds the endpoint, and for no other.
const giveUpSQL = `WITH closed AS (
		UPDATE contrail.webhooks SET state = 'disabled', reason = $4, disabled_at = clock_timestamp(), changed_at = clock_timestamp(), changed_by = $3,
			failures = $6, failing_since = $7, opened_at = $8, probe_at = NULL, last_error = $9
		WHERE id = $1 AND token = $2 AND state = 'enabled' RETURNING *
	)` + cancelling + `SELECT ` + columns + ` FROM closed`

// disable disables the endpoint, cancels what waits for it and appends the event about it, in one transaction. It is tried again with the next failure.
func (l *lane) disable(ctx context.Context, reason string) {
	ctx, cancel := context.WithTimeout(ctx, bulkTime)
	defer cancel()
	held := l.held()
	err := pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		h := l.health
		_, err := statement{"disable", giveUpSQL}.on(ctx, tx, held.ID, held.token, l.process, reason, ReasonDisabled,
			h.failures, orNull(h.failingSince), orNull(h.openedAt), h.lastError)
		if err != nil || l.config.Append == nil {
			return err
		}
		event := contrail.NewEvent(Disabled{
			Endpoint: held.ID, Consumer: held.Consumer, Tenant: held.Tenant, Reason: reason, Failures: h.failures, FailingSince: h.failingSince.UTC(),
		})
		if err := l.config.Append(ctx, tx, contrail.NewStreamID("webhook", held.ID.String()), event); err != nil {
			return fmt.Errorf("append the event that endpoint %s is disabled: %w", held.ID, err)
		}
		return nil
	})
	switch {
	case errors.Is(err, ErrNotFound): // it is another process's, disabled or removed
		l.stop()
	case err != nil:
		l.complain(ctx, err)
		l.unsaved = true
	default:
		l.log.WarnContext(ctx, "the endpoint is disabled", slog.String("endpoint", held.ID.String()), slog.String("reason", reason))
		l.stop()
	}
}
