package invoicing

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/eventstore"
)

// Ready returns what tells whether the pool's database can serve: reachable, a primary, and migrated to this program's version, the example's tables
// included.
func Ready(pool *pgxpool.Pool) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		return errors.Join(eventstore.Check(ctx, pool), Check(ctx, pool))
	}
}
