package subscriptions

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// Both wait until no transaction uses the consumer's inbox, and have handlers wait that begin one meanwhile.
const (
	forgetFromSQL = `SELECT contrail.inbox_forget($1, $2, $3)`

	forgetTheseSQL = `SELECT contrail.inbox_forget($1, position, position) FROM unnest($2::bigint[]) AS position`
)

// forgetFrom has the events of a consumer from a position on take effect again.
func forgetFrom(ctx context.Context, tx pgx.Tx, consumer string, from contrail.Position) error {
	if _, err := tx.Exec(ctx, forgetFromSQL, consumer, from, int64(math.MaxInt64)); err != nil {
		return fmt.Errorf("have the inbox forget what is from position %d on: %w", from, err)
	}
	return nil
}

// forgetThese has events take effect again, when they come on purpose.
func forgetThese(ctx context.Context, db Beginner, consumer string, positions []contrail.Position) error {
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, forgetTheseSQL, consumer, positions)
		return err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return fmt.Errorf("have the inbox forget positions from %d to %d: %w", positions[0], positions[len(positions)-1], err)
	}
	return nil
}
