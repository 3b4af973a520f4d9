package parked

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// A relay reads its row once a second at least, and looks at contrail.parked when the counter has grown. Each row is hot for the length of
// the transaction that it is locked by, so this comes last.
const (
	requestSQL = `UPDATE contrail.relays SET requests = requests + 1 WHERE stream = $1`
	wakeSQL    = `SELECT pg_notify('contrail', '')` // a relay that sleeps gets up
)

// ask has the relays look, once the transaction is committed. They are in order, so that two persons don't wait for each other.
func ask(ctx context.Context, tx pgx.Tx, relays []string) error {
	for _, relay := range relays {
		if _, err := tx.Exec(ctx, requestSQL, relay); err != nil {
			return err //nolint:wrapcheck // who asked wraps it
		}
	}
	if len(relays) > 0 {
		_, err := tx.Exec(ctx, wakeSQL)
		return err //nolint:wrapcheck // likewise
	}
	return nil
}
