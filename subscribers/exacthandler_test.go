package subscribers_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// The forms of a handler.
const (
	formPlain = "Handle"
	formTx    = "HandleTx"
	formSQL   = "HandleSQL"
)

func inboxOf(tb testing.TB, pool *pgxpool.Pool, form string) *subscribers.Inbox {
	tb.Helper()
	if form == formTx {
		return subscribers.NewInbox(pool)
	}
	db := stdlib.OpenDBFromPool(pool)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return subscribers.NewInboxSQL(db)
}

// register registers a handler that writes the event's effect and then does the rest.
func register(sub *subscribers.Subscription, form string, pool *pgxpool.Pool, rest func(context.Context, contrail.Delivered[drafted]) error) {
	switch form {
	case formTx:
		subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[drafted]) error {
			if err := takeEffect(ctx, tx, e); err != nil {
				return err
			}
			return rest(ctx, e)
		})
	case formSQL:
		subscribers.HandleSQL(sub, func(ctx context.Context, tx *sql.Tx, e contrail.Delivered[drafted]) error {
			if _, err := tx.ExecContext(ctx, effectSQL, int64(e.Position)); err != nil {
				return err
			}
			return rest(ctx, e)
		})
	default:
		subscribers.Handle(sub, func(ctx context.Context, e contrail.Delivered[drafted]) error {
			if err := rest(ctx, e); err != nil || ctx.Err() != nil {
				return err
			}
			_, err := pool.Exec(ctx, effectSQL, e.Position)
			return err
		})
	}
}
